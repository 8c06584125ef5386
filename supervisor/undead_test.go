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
	named := func() {
		t.Helper()
		before := len(w.entries())
		w.until("it is named", func() bool {
			for _, e := range w.entries() {
				u, ok := e.Record.(machine.Unkillable)
				if ok && int(e.Seq) > before-3 && len(u.Processes) == 1 && u.Processes[0].State == "D" && strings.Contains(u.Processes[0].Channel, "wait") {
					return true
				}
			}
			return false
		})
		if s := w.state(); s.State != machine.StateCleaning && s.State != machine.StateFinalizing || len(s.Undead) != 1 || s.Undead[0].Pid != w.last("a").Pid {
			t.Errorf("%s, undead %+v, pid %d", s.State, s.Undead, w.last("a").Pid)
		}
	}
	named()
	w.kill(w.holder(w.dir.Lock()))
	w.untilRecord("another brain has it", func(r machine.Record) bool { _, ok := r.(machine.TakenUp); return ok })
	fs.Close(t)
	if s := w.finished(); s.State != machine.Killed || len(s.Undead) != 0 {
		t.Errorf("%s: %+v", s.State, s.Undead)
	}
	w.noGroups()
}
