package supervisor

import (
	"strings"
	"testing"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// What is only watched can have another limit too, but none below what was
// counted; a process has none.
func TestDiskResize(t *testing.T) {
	spec := tasks(sh("a", `head -c 3000000 /dev/zero > big; exec sleep 1000`))
	spec.Resources = &task.Resources{Disk: 8 << 20}
	w := newWorld(t, spec)
	w.start()
	counted := func(allowed int64) func() bool {
		return func() bool {
			u, found, err := sandbox.ReadDiskUsage(w.dir)
			return err == nil && found && u.Bytes > 2<<20 && u.Allowed == allowed && u.Quota == nil
		}
	}
	w.until("it is counted", counted(8<<20))
	if said := w.ask("/v1/resize", `{"limits":{"disk":"1MB"}}`, 409); !strings.Contains(said, "sandbox and logs hold") {
		t.Errorf("refused: %s", said)
	}
	if said := w.ask("/v1/resize", `{"process":"a","limits":{"disk":"4MB"}}`, 409); !strings.Contains(said, "of the task's") {
		t.Errorf("refused: %s", said)
	}
	w.ask("/v1/resize", `{"limits":{"disk":"4MB"}}`, 200)
	w.until("it is counted anew", counted(4<<20))
	w.ask("/v1/kill", `{"grace":0}`, 200)
	if s := w.finished(); s.State != machine.Killed || w.isOverDisk() {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
}

// A limit where there was none is held against what the sandbox holds, too: the
// first count is made for it.
func TestDiskResizeFromNone(t *testing.T) {
	w := newWorld(t, tasks(sh("a", `head -c 3000000 /dev/zero > big; : > done; exec sleep 1000`)))
	w.start()
	w.until("it is written", func() bool { return fileExists(w.sandbox("done")) })
	if said := w.ask("/v1/resize", `{"limits":{"disk":"1MB"}}`, 409); !strings.Contains(said, "disk cannot be 1MB: sandbox and logs hold 29") {
		t.Errorf("refused: %s", said)
	}
	w.ask("/v1/resize", `{"limits":{"disk":"8MB"}}`, 200)
	w.until("it is counted", func() bool {
		u, found, err := sandbox.ReadDiskUsage(w.dir)
		return err == nil && found && u.Bytes > 2<<20 && u.Allowed == 8<<20
	})
	w.ask("/v1/kill", `{"grace":0}`, 200)
	if s := w.finished(); s.State != machine.Killed || w.isOverDisk() {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
}
