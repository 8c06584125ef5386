package supervisor

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
)

// TestWaitingBrainIsTrusted: a grace longer than the shim's patience, and a wish
// that is repeated and no news. The brain shows that it lives, and is left alone.
func TestWaitingBrainIsTrusted(t *testing.T) {
	w := newWorld(t, tasks(sh("web", `trap 'sleep 2; exit 0' TERM; while :; do sleep 0.05; done`)))
	w.env = append(w.env, "DEWAR_SHUTDOWN_PATIENCE=500ms")
	w.start()
	w.untilStarted("web")
	w.write(w.dir.Shutdown(), string(shim.AppendField(shim.AppendField(nil, "grace", "20"), "by", "somebody")))
	keeper := w.holder(w.dir.ShimLock())
	for range 2 {
		if err := unix.Kill(keeper, unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		w.untilRecord("the kill is recorded", func(r machine.Record) bool {
			_, ok := r.(machine.KillAsked)
			return ok
		})
	}
	if s := w.finished(); s.State != machine.Killed {
		t.Errorf("the task ended as %s", s.State)
	}
	said, err := os.ReadFile(w.dir.Console())
	if err != nil || strings.Contains(string(said), "brain") {
		t.Errorf("the shim says: %s %v", said, err)
	}
}
