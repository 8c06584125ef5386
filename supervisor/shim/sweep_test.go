package shim_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// stray leaves a process in a session of its own behind, and waits until it is
// there; its pid is in the file named by its first letters.
func stray(script string) string {
	return "setsid sh -c 'echo $$ > stray.new; mv stray.new stray; " + script + "' & while [ ! -e stray ]; do sleep 0.01; done; "
}

// member leaves a process in the run's session behind.
func member(script string) string {
	return "sh -c 'trap \"echo got-term >> said; exit\" TERM; echo $$ > member.new; mv member.new member; " + script + "' & while [ ! -e member ]; do sleep 0.01; done; "
}

// deafMember leaves one that ignores TERM.
const deafMember = "sh -c 'trap \"\" TERM; echo $$ > member.new; mv member.new member; while :; do sleep 0.01; done' & while [ ! -e member ]; do sleep 0.01; done; "

func (r *rig) pidIn(name string) int {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir.Sandbox(), name))
	if err != nil {
		r.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		r.t.Fatal(err)
	}
	return pid
}

func alive(pid int) bool {
	s, err := shim.ReadStat(pid)
	return err == nil && !s.Dead()
}

// bothWays runs a test with the kernel's list of children and without.
func bothWays(t *testing.T, f func(t *testing.T, opts ...option)) {
	t.Run("children", func(t *testing.T) { f(t) })
	t.Run("scan", func(t *testing.T) { f(t, withEnv("DEWAR_SHIM_SCAN=1")) })
}

// TestSession: what remains of a session gets TERM, and a second later KILL;
// when nothing remains, nothing is waited for.
func TestSession(t *testing.T) {
	cases := []struct {
		name, script string
		kill         bool // a second may pass
	}{
		{"nothing", "exit 7", false},
		{"polite", member("while :; do sleep 0.01; done") + "exit 7", false},
		{"deaf", deafMember + "exit 7", true},
		{"stopped", member("kill -STOP $$; sleep 1000") + "sleep 0.05; exit 7", false},
		// Its parent, which has left the session, will not tell us of its end.
		{"below a stray", "rm -f left; (sleep 1000 & exec setsid sh -c 'touch left; exec sleep 1000') & while [ ! -e left ]; do sleep 0.01; done; exit 7", false},
		{"group of its own", "set -m; sleep 1000 & exit 7", false},
		// Those that are born when the others get their TERM wait for KILL.
		{"many", "for i in 1 2 3 4 5 6 7 8 9 10; do sh -c 'sleep 1000 & sleep 1000' & done; exit 7", true},
	}
	bothWays(t, func(t *testing.T, opts ...option) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				r := start(t, opts...)
				id := r.spawn("p", c.script)
				s := r.ended(id)
				// A busy machine may take a second of its own, but not each time.
				for try := 1; !c.kill && s.EndedBoot-s.StartedBoot >= int64(time.Second) && try <= 5; try++ {
					if try == 5 {
						t.Error("a second has passed")
					}
					id = run("p", try)
					if err := r.try(id, c.script); err != nil {
						t.Fatal(err)
					}
					s = r.ended(id)
				}
				if s.Exit != 7 || len(s.Signals) != 0 {
					t.Errorf("status %+v", s)
				}
				if c.name == "deaf" && s.EndedBoot-s.StartedBoot < int64(900*time.Millisecond) {
					t.Error("it was not given its second")
				}
				for _, p := range processes(t) {
					if p.Sid == s.Pid && !p.Dead() {
						t.Errorf("process %d of the session lives", p.Pid)
					}
				}
				if c.name == "polite" && !strings.Contains(r.sandboxFile("said"), "got-term") {
					t.Error("it got no TERM")
				}
			})
		}
	})
}

func (r *rig) sandboxFile(name string) string {
	b, err := os.ReadFile(filepath.Join(r.dir.Sandbox(), name))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func processes(t testing.TB) []shim.Stat {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var all []shim.Stat
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if s, err := shim.ReadStat(pid); err == nil {
				all = append(all, s)
			}
		}
	}
	return all
}

// TestStrays: a descendant with a session of its own stays, is counted, and
// its end is told.
func TestStrays(t *testing.T) {
	bothWays(t, func(t *testing.T, opts ...option) {
		r := start(t, opts...)
		id := r.spawn("p", "setsid sh -c 'sleep 1000 & echo $$ > stray; wait' & while [ ! -s stray ]; do sleep 0.01; done; exit 0")
		s := r.ended(id)
		if s.Left != 2 || s.Exit != 0 {
			t.Fatalf("status %+v", s)
		}
		pid := r.pidIn("stray")
		if !alive(pid) {
			t.Fatal("the stray is gone")
		}
		if err := r.conn.Seen(id); err != nil {
			t.Fatal(err)
		}
		if g, err := r.conn.List(); err != nil || len(g.Runs) != 1 {
			t.Errorf("it is forgotten while its stray lives: %+v, %v", g, err)
		}
		if err := r.conn.Kill(id); err != nil {
			t.Fatal(err)
		}
		r.hear(shim.BellEmptied, id)
		if s := r.status(id); s.Left != 0 || s.Exit != 0 {
			t.Errorf("status %+v", s)
		}
		if alive(pid) {
			t.Error("the stray lives")
		}
		if g, err := r.conn.List(); err != nil || len(g.Runs) != 0 || g.Strays != 0 {
			t.Errorf("list %+v, %v", g, err)
		}
	})
}

// headless is the name under which the test binary loses its first thread.
const headless = "headless"

// loseFirstThread leaves a process whose first thread has exited while others
// run: to the kernel's files it looks like a zombie, without an environment.
func loseFirstThread() {
	go func() {
		for pid := os.Getpid(); ; time.Sleep(time.Millisecond) {
			if s, err := shim.ReadStat(pid); err == nil && s.State == 'Z' {
				break
			}
		}
		os.WriteFile(headless+".new", []byte(strconv.Itoa(os.Getpid())), 0o644)
		os.Rename(headless+".new", headless+".pid")
		time.Sleep(time.Hour)
	}()
	syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
}

// TestHeadlessStray: one whose first thread has exited is still the run's.
func TestHeadlessStray(t *testing.T) {
	r := start(t)
	r.link(headless)
	id := r.spawn("p", "setsid ./headless & while [ ! -e headless.pid ]; do sleep 0.01; done; exit 0")
	if s := r.ended(id); s.Left != 1 {
		t.Fatalf("status %+v", s)
	}
	pid := r.pidIn(headless + ".pid")
	if s, err := shim.ReadStat(pid); err != nil || s.State != 'Z' || !s.Exiting || s.Dead() {
		t.Fatalf("%+v, %v: not what the test is about", s, err)
	}
	if err := r.conn.Kill(id); err != nil {
		t.Fatal(err)
	}
	r.hear(shim.BellEmptied, id)
	if alive(pid) {
		t.Error("it lives")
	}
}

// TestStrayEndsByItself.
func TestStrayEndsByItself(t *testing.T) {
	r := start(t)
	id := r.spawn("p", stray("while [ ! -e go ]; do sleep 0.01; done")+"exit 0")
	if s := r.ended(id); s.Left == 0 {
		t.Fatalf("status %+v", s)
	}
	if err := os.WriteFile(filepath.Join(r.dir.Sandbox(), "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.hear(shim.BellEmptied, id)
	if s := r.status(id); s.Left != 0 {
		t.Errorf("status %+v", s)
	}
}

// TestUnmarkedStray: one that has cleaned its environment is the task's.
func TestUnmarkedStray(t *testing.T) {
	r := start(t)
	id := r.spawn("p", "env -i setsid sh -c 'echo $$ > stray.new; mv stray.new stray; exec sleep 1000' & while [ ! -e stray ]; do sleep 0.01; done")
	r.ended(id)
	if g, err := r.conn.List(); err != nil || g.Strays != 1 {
		t.Errorf("list %+v, %v", g, err)
	}
	if err := r.conn.End(); err == nil || !strings.Contains(err.Error(), "still live") {
		t.Errorf("end: %v", err)
	}
	if err := r.conn.Clear(); err != nil {
		t.Fatal(err)
	}
	r.hear(shim.BellCleared, task.RunID{})
	if alive(r.pidIn("stray")) {
		t.Error("it lives")
	}
}

// TestSignals: recorded before they are delivered; to the group or to main;
// also to what is stopped.
func TestSignals(t *testing.T) {
	r := start(t)
	counting := `n=0; trap 'n=$((n+1)); echo main $n' TERM USR1; (trap 'echo child' TERM USR1; echo up; while :; do sleep 0.01; done) & echo up; while :; do sleep 0.01; done`
	id := r.spawn("p", counting)
	r.hear(shim.BellStarted, id)
	has := func(what string, n int) {
		t.Helper()
		until(t, fmt.Sprintf("the log says %d times %q", n, what), func() bool { return strings.Count(r.log(id, "stdout"), what) == n })
	}
	has("up", 2)
	if err := r.conn.Signal(id, 10, task.StopMain); err != nil {
		t.Fatal(err)
	}
	has("main 1", 1)
	if err := r.conn.Signal(id, 15, task.StopGroup); err != nil {
		t.Fatal(err)
	}
	if got := r.status(id).Signals; fmt.Sprint(got) != "[10 15]" {
		t.Errorf("recorded: %v", got)
	}
	has("main 2", 1)
	has("child", 1)
	if err := syscall.Kill(-r.status(id).Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := r.conn.Signal(id, 15, task.StopGroup); err != nil {
		t.Fatal(err)
	}
	has("main 3", 1)
	if err := r.conn.Kill(id); err != nil {
		t.Fatal(err)
	}
	s := r.ended(id)
	if s.Signal != 9 || fmt.Sprint(s.Signals) != "[10 15 9]" {
		t.Errorf("status %+v", s)
	}
	// To one that has ended: nothing, and no error.
	if err := r.conn.Signal(id, 15, task.StopGroup); err != nil {
		t.Error(err)
	}
	if err := r.conn.Signal(run("unknown", 1), 15, task.StopGroup); err == nil {
		t.Error("a signal to an unknown run was accepted")
	}
}

// TestSignalBeforeTheCommand is kept for the command.
func TestSignalBeforeTheCommand(t *testing.T) {
	busy(t)
	r := start(t)
	for i := range 20 {
		id := run("p", i)
		if err := r.try(id, "sleep 1000"); err != nil {
			t.Fatal(err)
		}
		if err := r.conn.Signal(id, 15, task.StopGroup); err != nil {
			t.Fatal(err)
		}
		if s := r.ended(id); s.Signal != 15 || s.Error != "" || s.StartedBoot == 0 {
			t.Errorf("status %+v", s)
		}
		id = run("q", i)
		if err := r.try(id, "sleep 1000"); err != nil {
			t.Fatal(err)
		}
		if err := r.conn.Kill(id); err != nil {
			t.Fatal(err)
		}
		if s := r.ended(id); s.Signal != 9 || s.Error != "" {
			t.Errorf("status %+v", s)
		}
	}
}

// TestClear: nothing lives afterwards, whatever it does.
func TestClear(t *testing.T) {
	bothWays(t, func(t *testing.T, opts ...option) {
		r := start(t, opts...)
		scripts := map[string]string{
			"plain": "sleep 1000",
			"deaf":  "trap '' TERM; while :; do sleep 0.05; done",
			"tree":  "(sleep 1000 & setsid sleep 1000 & env -i setsid sleep 1000 & wait) & sleep 1000 & wait",
			// Each generation starts the next in a session of its own and ends.
			"respawner": `echo 'setsid sh again & sleep 0.02' > again; sh again & sleep 1000`,
			"stopped":   "kill -STOP $$",
		}
		for name, script := range scripts {
			r.hear(shim.BellStarted, r.spawn(name, script))
		}
		time.Sleep(100 * time.Millisecond) // let the respawner breed
		below := descendants(t, r.cmd.Process.Pid)
		if err := r.conn.Clear(); err != nil {
			t.Fatal(err)
		}
		r.hear(shim.BellCleared, task.RunID{})
		brain := r.hello.BrainPid
		for _, pid := range descendants(t, r.cmd.Process.Pid) {
			if pid != brain {
				t.Errorf("process %d lives, of %v before", pid, below)
			}
		}
		for name := range scripts {
			s := r.status(run(name, 0))
			if s.State != shim.Ended || s.Signal != 9 || fmt.Sprint(s.Signals) != "[9]" {
				t.Errorf("%s: status %+v", name, s)
			}
		}
		// And the task may go on.
		if s := r.ended(r.spawn("after", "true")); s.Exit != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func descendants(t *testing.T, root int) []int {
	t.Helper()
	var list []int
	below := map[int]bool{root: true}
	for grown := true; grown; {
		grown = false
		for _, p := range processes(t) {
			if below[p.Ppid] && !below[p.Pid] && !p.Dead() {
				below[p.Pid], grown = true, true
				list = append(list, p.Pid)
			}
		}
	}
	return list
}

// TestManyAtOnce: no end is lost among many.
func TestManyAtOnce(t *testing.T) {
	n := 200 * soak()
	r := start(t, withBinary(t))
	for i := range n {
		if err := r.try(run("p", i), "", argv("/bin/sh", "-c", fmt.Sprintf("exit %d", i%100))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if s := r.ended(run("p", i)); s.Exit != i%100 {
			t.Errorf("run %d: status %+v", i, s)
		}
	}
}

// soak is how many times more than usual.
func soak() int {
	if n, err := strconv.Atoi(os.Getenv("DEWAR_SOAK")); err == nil && n > 0 {
		return n
	}
	return 1
}

// TestManyLive: a clear of many that all live.
func TestManyLive(t *testing.T) {
	n := min(100*soak(), 10_000)
	r := start(t, withBinary(t))
	for i := range n {
		if err := r.try(run("p", i), "", argv("/bin/sleep", "1000")); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := r.conn.Clear(); err != nil {
		t.Fatal(err)
	}
	r.hear(shim.BellCleared, task.RunID{})
	t.Logf("clearing %d took %v", n, time.Since(began))
	g, err := r.conn.List()
	if err != nil || len(g.Runs) != n {
		t.Fatalf("%d runs are listed, %v", len(g.Runs), err)
	}
	for _, run := range g.Runs {
		if run.State != shim.Ended {
			t.Errorf("%v", run)
		}
	}
}

// TestShimKilled: the main processes go with it, the rest is buried.
func TestShimKilled(t *testing.T) {
	r := start(t)
	ids := []task.RunID{
		r.spawn("plain", "sleep 1000"),
		r.spawn("tree", member("sleep 1000")+stray("sleep 1000")+"env -i sleep 1000 & echo $! > unmarked; touch up; sleep 1000"),
	}
	for _, id := range ids {
		r.hear(shim.BellStarted, id)
	}
	until(t, "the tree has grown", func() bool { return r.sandboxFile("up") == "" })
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err == nil {
		t.Fatal("the shim ended well")
	}
	if pid, err := shim.Holder(r.dir.ShimLock()); pid != 0 || err != nil {
		t.Errorf("the lock is held by %d, %v", pid, err)
	}
	for range r.conn.Bells() {
	}
	for _, id := range ids {
		s := r.status(id)
		until(t, "the main process has died with the shim", func() bool { return !shim.Alive(s.Pid, s.Start) })
	}
	r.bury()
	for _, name := range []string{"member", "stray", "unmarked"} {
		if alive(r.pidIn(name)) {
			t.Errorf("the %s lives", name)
		}
	}
	for _, id := range ids {
		if s := r.status(id); s.State != shim.Running || alive(s.Pid) {
			t.Errorf("status %+v", s)
		}
	}
}

// TestBuryIsCareful: a pid that has passed to somebody else is left alone.
func TestBuryIsCareful(t *testing.T) {
	r := start(t)
	other := exec.Command("/bin/sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		other.Process.Kill()
		other.Wait()
	}()
	st, err := shim.ReadStat(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := shim.BootID()
	if err != nil {
		t.Fatal(err)
	}
	r.bury(
		shim.Status{State: shim.Running, Pid: st.Pid, Start: st.Start + 1, Boot: boot},
		shim.Status{State: shim.Running, Pid: st.Pid, Start: st.Start, Boot: "another"},
	)
	if !alive(other.Process.Pid) {
		t.Error("a stranger was killed")
	}
}
