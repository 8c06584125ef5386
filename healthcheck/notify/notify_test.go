package notify_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/notify"
	"github.com/dewarhq/dewar/supervisor/shim"
)

// TestAges: before the first word the start counts, and then each word.
func TestAges(t *testing.T) {
	ago := func(d time.Duration) int64 { return shim.BootTime() - int64(d) }
	for _, c := range []struct {
		name    string
		started time.Duration // ago
		said    string
		outcome judge.Outcome
		reason  string
	}{
		{"just started", time.Second, "", judge.OK, ""},
		{"started and silent", 2 * time.Minute, "", judge.Fail, "WATCHDOG=1 was not said since the start 2m0"},
		{"said", time.Hour, words(ago(time.Second)), judge.OK, ""},
		{"said long ago", time.Hour, words(ago(70 * time.Second)), judge.Fail, "WATCHDOG=1 was last said 1m10"},
		{"not to be read", time.Second, "nonsense", judge.Inconclusive, "read "},
	} {
		dir := t.TempDir()
		if c.said != "" {
			if err := os.WriteFile(dir+"/"+shim.WatchdogName, []byte(c.said), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		a := notify.New(dir, ago(c.started), time.Minute).Ask(time.Now().Add(time.Second))
		if a.Outcome != c.outcome || !strings.HasPrefix(a.Reason, c.reason) || (c.reason == "") != (a.Reason == "") {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

func words(at int64) string {
	return fmt.Sprintf("version=1\x00at=%020d\x00again=%020d\x00end=1\x00", at, at)
}
