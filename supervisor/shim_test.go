package supervisor

import (
	"bytes"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/soak"
)

// bound is a process that holds a port for as long as it lives. A grandchild of
// the shim does that: unlike a child, it does not die with the shim by itself.
func bound(t *testing.T) task.Process {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return sh("port", self+" payload port bound "+addr+" & wait")
}

func (w *world) kill9(lock string) {
	w.Helper()
	w.kill(w.holder(lock))
}

func (w *world) checkNoOverlap(bound int) {
	w.Helper()
	if text := w.text("bound"); strings.Contains(text, "overlap") || strings.Count(text, "bound") != bound {
		w.Errorf("the port was bound %d times as it should %d times, or two runs met there: %q", strings.Count(text, "bound"), bound, text)
	}
	failures, lost := 0, 0
	for _, p := range w.state().Processes {
		failures += p.Failures
		for _, r := range p.History {
			if r.State == machine.RunLost {
				lost++
			}
		}
	}
	if failures != 0 || lost != min(bound-1, 20-1) {
		w.Errorf("%d failures, %d runs lost; want 0 and %d", failures, lost, bound-1)
	}
}

func (w *world) untilBound(times int) {
	w.Helper()
	w.until("the port is bound", func() bool { return strings.Count(w.text("bound"), "\n") >= times })
}

// The shim is killed: its runs are buried before they are called lost, and
// repeated without a failure.
func TestShimDies(t *testing.T) {
	for name, locks := range map[string]func(task.Dir) []string{
		"alone":          func(d task.Dir) []string { return []string{d.ShimLock()} },
		"after a brain":  func(d task.Dir) []string { return []string{d.Lock(), d.ShimLock()} },
		"before a brain": func(d task.Dir) []string { return []string{d.ShimLock(), d.Lock()} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tasks(bound(t)))
			w.start()
			times := soak.Times(t, 3)
			soak.Note(t, "SIGKILL to the shim", times, "LOST when nothing lives, repeated without a failure and without overlap")
			for i := range times {
				w.untilBound(i + 1)
				for _, lock := range locks(w.dir) {
					w.kill9(lock)
				}
				if len(locks(w.dir)) > 1 { // nobody may be left to start another
					w.start()
				}
			}
			w.untilBound(times + 1)
			w.checkNoOverlap(times + 1)
			w.ask("/v1/kill", `{"grace":"5s"}`, 200)
			if s := w.finished(); s.State != machine.Killed {
				t.Errorf("the task ended as %s", s.State)
			}
		})
	}
}

// What the shim's runs had left behind in sessions of their own is buried too.
func TestShimDiesWithDaemons(t *testing.T) {
	p := sh("daemon", `setsid sleep 1000 & echo $! >> "$HOME/daemon"; exec sleep 1000`)
	w := newWorld(t, tasks(p))
	w.start()
	w.until("it runs", func() bool { return strings.Count(w.text("daemon"), "\n") == 1 })
	w.kill9(w.dir.ShimLock())
	w.untilRecord("it is lost", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.State == machine.RunLost })
	pid := strings.Fields(w.text("daemon"))[0]
	if b, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && bytes.HasPrefix(b, []byte("sleep")) {
		t.Errorf("the run is lost, and its daemon %s lives", pid)
	}
}

// The machine restarts: every run is lost, also one whose status has not
// reached the disk.
func TestReboot(t *testing.T) {
	p, q := sh("web", `exec sleep 1000`), sh("unsynced", `exec sleep 1000`)
	w := newWorld(t, tasks(p, q))
	w.start()
	w.untilRecord("both run", func(r machine.Record) bool { s, ok := r.(machine.Started); return ok && s.Process == "unsynced" })
	w.untilRecord("both run", func(r machine.Record) bool { s, ok := r.(machine.Started); return ok && s.Process == "web" })
	web, unsynced := task.RunID{Process: "web"}, task.RunID{Process: "unsynced"}
	shimPid, brainPid := w.holder(w.dir.ShimLock()), w.holder(w.dir.Lock())
	pause(t, brainPid)
	w.kill(shimPid)
	w.kill(brainPid)
	for _, id := range []task.RunID{web, unsynced} {
		s, err := client.ReadStatus(w.dir, id)
		if err != nil {
			t.Fatal(err)
		}
		w.kill(s.Pid)
		if s.Boot = "another boot"; id == web {
			w.write(w.dir.Status(id), string(s.Append(nil)))
		} else if err := os.Remove(w.dir.Status(id)); err != nil {
			t.Fatal(err)
		}
	}
	rewriteBoot(t, w.dir, "another boot")
	w.start()
	for _, name := range []string{"web", "unsynced"} {
		w.untilRecord(name+" is repeated", func(r machine.Record) bool {
			s, ok := r.(machine.Started)
			return ok && s.Process == name && s.Run == 1
		})
	}
	for _, p := range w.state().Processes {
		if r := p.History[0]; r.State != machine.RunLost || !strings.Contains(r.Reason, "restarted") || p.Failures != 0 {
			t.Errorf("%s: run 0 is %s (%s), %d failures", p.Name, r.State, r.Reason, p.Failures)
		}
	}
}

// rewriteBoot makes a journal one of another boot.
func rewriteBoot(t testing.TB, dir task.Dir, boot string) {
	t.Helper()
	var payloads [][]byte
	j, err := journal.Open(dir.Journal(), journal.Options{}, func(payload []byte) error {
		e, err := machine.Decode(bytes.Clone(payload))
		if taken, ok := e.Record.(machine.TakenUp); ok {
			taken.BootID = boot
			e.Record = taken
		}
		payloads = append(payloads, machine.Encode(e.Seq, e.At, e.Record))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Compact(payloads...); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMissingShim(t *testing.T) {
	w := newWorld(t, tasks(sh("web", "true")))
	c := Config{Dir: w.dir, ShimBinary: "/nowhere/dewar-shim", BrainBinary: w.brain}
	err := Run(t.Context(), c)
	if want := "start the shim of " + string(w.dir) + ": "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s…", err, want)
	}
}

func TestHeld(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes 5 s")
	}
	w := newWorld(t, tasks(sh("web", "exec sleep 1000")))
	w.start()
	w.holder(w.dir.Lock())
	err := Run(t.Context(), Config{Dir: w.dir, ShimBinary: shimBinary(), BrainBinary: w.brain})
	if err == nil || !strings.Contains(err.Error(), ErrHeld.Error()) {
		t.Errorf("%v, want %v", err, ErrHeld)
	}
	if _, err := shim.Holder(w.dir.Lock()); err != nil {
		t.Error(err)
	}
}
