package supervisor

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/soak"
	"golang.org/x/sys/unix"
)

// verdicts are those of the checks of web, and since when: they tell of
// every change, also one that was taken back.
type verdicts map[string]machine.CheckState

// look notes verdicts, and answers how many checks have none yet. A journal that
// is just being compacted is read half; nothing is concluded from that.
func (v verdicts) look(w *world) (starting int) {
	w.Helper()
	s := w.state()
	if len(s.Processes) == 0 || len(s.Processes[0].Checks) == 0 {
		return 1
	}
	for _, c := range s.Processes[0].Checks {
		was, known := v[c.Name]
		switch {
		case c.Judged.Verdict == judge.Starting:
			starting++
		case !known:
			v[c.Name] = c
		case was.Judged.Verdict != c.Judged.Verdict || was.Since != c.Since:
			w.Errorf("%s was %s since %d, and is %s since %d: %s", c.Name, was.Judged.Verdict, was.Since.Boot, c.Judged.Verdict, c.Since.Boot, c.Why)
		}
	}
	return starting
}

// Whatever the moment at which a brain dies: what is well stays well, what is ill
// stays ill, what hangs is found out, and nothing is restarted that need not be.
func TestCheckKillBrain(t *testing.T) {
	checks, kills := soak.Promised(t, 30, 300), soak.Promised(t, 6, 100)
	p := newPatients(t)
	var all []task.Check
	states := []string{"ok", "ok", "ok", "ill", "hung"}
	for i := range checks {
		name := fmt.Sprintf("c%d", i)
		c := p.check(name)
		c.Action = task.NoAction
		c.Interval = task.Duration(100+rand.IntN(900)) * 1e6
		state := states[i%len(states)]
		p.is(name, state)
		if state == "hung" {
			c.Timeout = 300e6
		}
		all = append(all, c)
	}
	w := newWorld(t, tasks(watched(all...)))
	w.start()
	seen := make(verdicts)
	for range kills {
		w.holder(w.dir.Lock())
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond) // at random
		w.kill9(w.dir.Lock())
		seen.look(w)
	}
	w.until("each check has a verdict", func() bool { return seen.look(w) == 0 && len(seen) == checks })
	for i, c := range all {
		want := judge.Healthy
		if states[i%len(states)] != "ok" {
			want = judge.Unhealthy
		}
		if got := seen[c.Name].Judged.Verdict; got != want {
			t.Errorf("%s, which always was %s, became %s", c.Name, states[i%len(states)], got)
		}
	}
	w.ask(control.PathKill, `{"grace":0}`, 200)
	if s := w.finished(); s.Processes[0].Runs != 1 || s.State != machine.Killed {
		t.Errorf("%s after %d runs: %s", s.State, s.Processes[0].Runs, s.Reason)
	}
	soak.Note(t, fmt.Sprintf("SIGKILL to the brain at a random moment of %d checks", checks), kills, "no verdict changed")
}

// A brain that was stopped for a while has nobody suffer for it.
func TestCheckStopBrain(t *testing.T) {
	span := 5 * time.Second // more than the timeout
	if soak.Promised(t, 0, 1) > 0 {
		span = time.Minute
	}
	p := newPatients(t)
	var all []task.Check
	for i := range 20 {
		c := p.check(fmt.Sprintf("c%d", i))
		c.Timeout, c.MaxConsecutiveFailures = task.Duration(4*time.Second), 0
		all = append(all, c)
	}
	w := newWorld(t, tasks(watched(all...)))
	w.start()
	for _, c := range all {
		w.untilVerdict(c.Name, judge.Healthy)
	}
	brain := w.holder(w.dir.Lock())
	pause(t, brain)
	time.Sleep(span) // this is what is tested
	if err := unix.Kill(brain, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	asked := p.times("c0")
	w.until("it is asked again", func() bool { return p.times("c0") > asked+25 })
	for _, c := range all {
		if got := w.verdicts(c.Name); len(got) != 1 || w.over() {
			t.Errorf("%s became %v; over: %t", c.Name, got, w.over())
		}
	}
	w.ask(control.PathKill, `{"grace":0}`, 200)
	w.finished()
	soak.Note(t, "SIGSTOP to the brain for "+span.String(), 1, "no failure counted")
}

// serving is a process that serves "ok" at a port that is free, with a check of
// the given interval and timeout.
func serving(t *testing.T, interval, timeout time.Duration, failures int) task.Process {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := sh("web", "")
	p.Argv = []string{self, "payload", "server", "/dev/null", "127.0.0.1:" + port, "ok"}
	c := task.DefaultCheck()
	h := task.DefaultHTTP()
	h.Host, h.Port, h.Expect = "127.0.0.1", task.Port(port), ""
	c.Name, c.HTTP = "live", &h
	c.Interval, c.Timeout, c.MaxConsecutiveFailures = task.Duration(interval), task.Duration(timeout), failures
	c.InitialInterval = task.Duration(10 * time.Second)
	p.Checks = []task.Check{c}
	return p
}

// What really hangs is killed in time.
func TestCheckHung(t *testing.T) {
	const interval, timeout, failures = 300 * time.Millisecond, 500 * time.Millisecond, 2
	p := serving(t, interval, timeout, failures)
	p.Checks[0].InitialInterval = task.Duration(20 * interval)
	w := newWorld(t, tasks(p))
	w.start()
	w.untilVerdict("live", judge.Healthy)
	w.until("its grace is over", func() bool { return lastState(w, "live").Attempts > 20 })
	pause(t, w.state().Processes[0].Last().Pid)
	begin := shim.BootTime()
	if s := w.finished(); s.State != machine.Failed {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	fails, doubts, found := 0, 0, begin
	for _, a := range w.answers("web") {
		switch a.Outcome {
		case judge.OK:
			fails, doubts = 0, 0
		case judge.Fail:
			fails, found = fails+1, a.At.Boot
		case judge.Inconclusive: // our own lateness, on a busy machine
			doubts++
		}
	}
	if fails != failures+1 {
		t.Errorf("it failed %d times", fails)
	}
	most := interval*(failures+1) + interval/8 + timeout + time.Second + time.Duration(doubts)*(timeout+interval)
	if took := time.Duration(found - begin); took > most {
		t.Errorf("it took %v, more than %v", took, most)
	}
}

func lastState(w *world, check string) (s judge.State) {
	for _, e := range w.entries() {
		if a, ok := e.Record.(machine.Answered); ok && a.Check == check {
			s = a.State
		}
	}
	return s
}

// What is starved of processor time by its quota is not killed for that.
func TestCheckStarved(t *testing.T) {
	needGroups(t, "cpu")
	span := 10 * time.Second
	if soak.Promised(t, 0, 1) > 0 {
		span = 4 * time.Minute
	}
	web := serving(t, 500*time.Millisecond, 300*time.Millisecond, 0)
	web.Checks[0].InitialInterval = task.Duration(5 * time.Second)
	web.Cmdline = `(until [ -e "$HOME/go" ]; do sleep 0.05; done; for i in $(seq 20); do while :; do :; done & done) & exec "` + strings.Join(web.Argv, `" "`) + `"`
	web.Argv = nil
	spec := tasks(web)
	spec.Resources = &task.Resources{CPU: 0.1, CPUHard: 0.1}
	w := newWorld(t, spec)
	w.start()
	w.until("its grace is over", func() bool { s := lastState(w, "live"); return s.Attempts > 10 && s.Verdict == judge.Healthy })
	w.write(w.sandbox("go"), "")
	time.Sleep(span) // this is what is tested
	doubts := 0
	for _, e := range w.entries() {
		if a, ok := e.Record.(machine.Answered); ok {
			for _, one := range a.Answers {
				if one.Outcome == judge.Inconclusive {
					doubts++
				}
			}
		}
	}
	if w.over() || doubts == 0 {
		t.Errorf("over: %t, inconclusive answers: %d", w.over(), doubts)
	}
	w.ask(control.PathKill, `{"grace":0}`, 200)
	w.finished()
}
