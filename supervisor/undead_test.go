package supervisor

import (
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/test/mute"
	"github.com/dewarhq/dewar/test/needs"
)

// What was killed and does not die is named, with where it waits; the task is
// not over before it has died, and another brain says the same.
func TestUndead(t *testing.T) {
	needs.Root(t)
	needGroups(t)
	fs := mute.Mount(t)
	w := newWorld(t, tasks(sh("a", "exec cat "+fs.Dir+"/file")))
	w.start()
	w.untilStarted("a")
	fs.Asked(t)
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.untilNamed("a")
	if s := w.state(); s.State != machine.StateCleaning {
		t.Errorf("it is %s", s.State)
	}
	w.kill(w.holder(w.dir.Lock()))
	w.untilRecord("another brain has it", func(r machine.Record) bool { _, ok := r.(machine.TakenUp); return ok })
	fs.Close(t)
	if s := w.finished(); s.State != machine.Killed || len(s.Undead) != 0 {
		t.Errorf("%s: %+v", s.State, s.Undead)
	}
	w.noGroups()
}

// The same of one that its shim has left: it is not lost before it has died.
func TestUndeadWithoutShim(t *testing.T) {
	needs.Root(t)
	needGroups(t)
	fs := mute.Mount(t)
	w := newWorld(t, tasks(sh("a", "exec cat "+fs.Dir+"/file")))
	w.start()
	w.untilStarted("a")
	fs.Asked(t)
	w.kill(w.holder(w.dir.ShimLock()))
	w.untilNamed("a")
	if run := w.last("a"); !run.Live() {
		t.Errorf("its run is over, and it lives: %+v", run)
	}
	fs.Close(t)
	w.untilRecord("it is lost", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.State == machine.RunLost })
	w.finished() // the second run finds no file system
	w.noGroups()
}

// untilNamed waits until the main process of a run is said not to die.
func (w *world) untilNamed(process string) {
	w.Helper()
	w.untilRecord("it is named", func(r machine.Record) bool {
		u, ok := r.(machine.Unkillable)
		return ok && len(u.Processes) == 1 && u.Processes[0].State == "D" && strings.Contains(u.Processes[0].Channel, "wait")
	})
	if s := w.state(); len(s.Undead) != 1 || s.Undead[0].Pid != w.last(process).Pid {
		w.Errorf("undead %+v, pid %d", s.Undead, w.last(process).Pid)
	}
}
