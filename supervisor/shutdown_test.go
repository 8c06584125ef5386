package supervisor

import (
	"os"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

func TestReadShutdown(t *testing.T) {
	dir := task.Dir(t.TempDir())
	if _, found, err := readShutdown(dir); found || err != nil {
		t.Errorf("no file: %v, %v", found, err)
	}
	wordless := machine.KillAsked{Grace: control.DefaultGrace, By: "the file shutdown"}
	for content, want := range map[string]machine.KillAsked{
		"grace=2.5\x00by=uid 7\x00reason=enough\x00wall=12\x00": {Grace: task.Duration(2500 * time.Millisecond), By: "uid 7", Reason: "enough"},
		"grace=0\x00":     {By: "the file shutdown"},
		"":                wordless,
		"garbage":         wordless,
		"grace=never\x00": wordless,
		"grace=NaN\x00":   wordless,
		"grace=-1\x00":    wordless,
	} {
		if err := os.WriteFile(dir.Shutdown(), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, found, _ := readShutdown(dir); !found || got != want {
			t.Errorf("%q: %+v, %v, want %+v", content, got, found, want)
		}
	}
}

func TestReadShutdownIsNoLink(t *testing.T) {
	dir := task.Dir(t.TempDir())
	if err := os.Symlink("/etc/hostname", dir.Shutdown()); err != nil {
		t.Fatal(err)
	}
	if _, found, err := readShutdown(dir); !found || err == nil {
		t.Errorf("a link: %v, %v; it is a wish without a word", found, err)
	}
}
