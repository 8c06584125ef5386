package supervisor

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// limit makes the brain's files grow no further than so many bytes.
func limit(t *testing.T, brain int, bytes uint64) {
	t.Helper()
	if err := unix.Prlimit(brain, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
		t.Fatal(err)
	}
}

// What does not even fit into the reserve stays with the shim until there is
// room. A kill is refused with a sentence meanwhile, and may be asked for again.
func TestSpentReserve(t *testing.T) {
	t.Parallel()
	var processes []task.Process
	var ids []task.RunID
	var want []string
	for i := range 6 {
		p := sh(fmt.Sprint("ends", i), fmt.Sprintf(`until [ -e "$HOME/go" ]; do sleep 0.01; done; exit %d`, i))
		processes = append(processes, p)
		ids = append(ids, task.RunID{Process: p.Name})
		want = append(want, fmt.Sprintf("%s FAILED %d 0 ", ids[i], i))
	}
	want[0] = "ends0/0 SUCCESS 0 0 "
	spec := tasks(processes...)
	spec.MaxFailures = 0
	w := newWorld(t, spec)
	w.start()
	for _, id := range ids {
		w.untilStarted(id.Process)
	}
	brain := w.holder(w.dir.Lock())
	info, err := os.Stat(w.dir.Journal())
	if err != nil {
		t.Fatal(err)
	}
	limit(t, brain, uint64(info.Size()))
	w.write(w.sandbox("go"), "")
	for _, id := range ids {
		w.until("it has ended", func() bool {
			s, err := client.ReadStatus(w.dir, id)
			return err == nil && s.State == shim.Ended
		})
	}
	var status control.Status
	w.until("the brain says that the disk is full", func() bool {
		if err := json.Unmarshal([]byte(w.ask(control.PathStatus, "", 200)), &status); err != nil {
			t.Fatal(err)
		}
		return status.State.Full
	})
	if status.State.Counts.Live != len(ids) {
		t.Errorf("%d runs live as the brain tells it, and none of their ends can be recorded", status.State.Counts.Live)
	}
	w.ask(control.PathKill, `{}`, 507)
	limit(t, brain, unix.RLIM_INFINITY)
	if diff := cmp.Diff(want, runs(w.finished())); diff != "" {
		t.Error(diff)
	}
}

// A wish to end the task that does not even fit into the reserve stands, and the
// brain heeds it when there is room.
func TestWishWithSpentReserve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tasks(sh("web", "exec sleep 1000")))
	w.start()
	w.untilStarted("web")
	brain := w.holder(w.dir.Lock())
	info, err := os.Stat(w.dir.Journal())
	if err != nil {
		t.Fatal(err)
	}
	limit(t, brain, uint64(info.Size()))
	wish := string(w.dir) + "/wish"
	w.write(wish, "grace=20\x00by=somebody\x00")
	wishes(w, wish)
	var status control.Status
	w.until("the brain says that the disk is full", func() bool {
		if err := json.Unmarshal([]byte(w.ask(control.PathStatus, "", 200)), &status); err != nil {
			t.Fatal(err)
		}
		return status.State.Full
	})
	if status.State.Kill != nil || status.Pid != brain {
		t.Errorf("brain %d, then %d; the kill is %+v, and has no room", brain, status.Pid, status.State.Kill)
	}
	limit(t, brain, unix.RLIM_INFINITY)
	if s := w.finished(); s.State != machine.Killed || s.Kill.By != "somebody" {
		t.Errorf("the task ended as %s, %+v", s.State, s.Kill)
	}
}
