package supervisor

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/soak"
	"golang.org/x/sys/unix"
)

// patients is a server that is well, or not, endpoint by endpoint: "ok", "ill",
// "hung". What it is not told of is well.
type patients struct {
	port   string
	mu     sync.Mutex
	states map[string]string
	asked  map[string]int
}

func newPatients(t testing.TB) *patients {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &patients{states: make(map[string]string), asked: make(map[string]int)}
	p.port = strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: p}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-done })
	return p
}

func (p *patients) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	p.mu.Lock()
	state := p.states[name]
	p.asked[name]++
	p.mu.Unlock()
	switch state {
	case "ill":
		w.WriteHeader(http.StatusInternalServerError)
	case "hung":
		<-r.Context().Done()
	default:
		fmt.Fprint(w, "ok")
	}
}

func (p *patients) is(name, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states[name] = state
}

func (p *patients) times(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[name]
}

// check asks an endpoint of the patients, ten times a second, and bears two
// failures.
func (p *patients) check(name string) task.Check {
	c := task.DefaultCheck()
	h := task.DefaultHTTP()
	h.Host, h.Port, h.Endpoint = "127.0.0.1", task.Port(p.port), "/"+name
	c.Name, c.HTTP = name, &h
	c.Interval, c.Timeout, c.InitialInterval, c.MaxConsecutiveFailures = 100e6, task.Duration(20*time.Second), 0, 2
	return c
}

// watched is a process that sleeps, and has checks.
func watched(checks ...task.Check) task.Process {
	p := sh("web", "")
	p.Argv = []string{"sleep", "1000"}
	p.Checks = checks
	return p
}

// verdicts are the verdicts of a check, each time that one is recorded anew.
func (w *world) verdicts(check string) (all []judge.Verdict) {
	for _, e := range w.entries() {
		a, ok := e.Record.(machine.Answered)
		if ok && a.Check == check && a.State.Verdict != "" && (len(all) == 0 || all[len(all)-1] != a.State.Verdict) {
			all = append(all, a.State.Verdict)
		}
	}
	return all
}

func (w *world) untilVerdict(check string, want judge.Verdict) {
	w.Helper()
	w.until(check+" is "+string(want), func() bool {
		all := w.verdicts(check)
		return len(all) > 0 && all[len(all)-1] == want
	})
}

func TestCheckFailsTask(t *testing.T) {
	p := newPatients(t)
	w := newWorld(t, tasks(watched(p.check("live"))))
	w.start()
	w.untilVerdict("live", judge.Healthy)
	p.is("live", "ill")
	s := w.finished()
	if s.State != machine.Failed || !strings.Contains(s.Reason, "web/live") || !strings.Contains(s.Reason, "3 times") || !strings.Contains(s.Reason, "500") {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	asked := p.times("live")
	time.Sleep(300 * time.Millisecond) // three intervals
	if p.times("live") != asked {
		t.Error("it is asked after its end")
	}
}

func TestCheckRestarts(t *testing.T) {
	p := newPatients(t)
	c := p.check("live")
	c.Action = task.Restart
	web := watched(c)
	web.MaxFailures = 3
	w := newWorld(t, tasks(web))
	w.start()
	for run := range 3 {
		w.untilRecord("it is well", func(r machine.Record) bool {
			a, ok := r.(machine.Answered)
			return ok && a.Run == run && a.State.Verdict == judge.Healthy
		})
		p.is("live", "ill")
		w.untilRecord("it has ended", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.Run == run })
		p.is("live", "ok")
	}
	s := w.finished()
	if s.State != machine.Failed || s.Processes[0].Failures != 3 {
		t.Errorf("%s, %d failures: %s", s.State, s.Processes[0].Failures, s.Reason)
	}
	for _, r := range s.Processes[0].History {
		if r.State != machine.RunFailed || r.Stop == nil || r.Stop.Cause != machine.CauseHealth {
			t.Errorf("%+v", r)
		}
	}
}

func TestCheckSnoozed(t *testing.T) {
	for name, c := range map[string]struct{ snooze, unsnooze func(w *world) }{
		"asked for": {
			func(w *world) {
				w.ask(control.PathSnooze, `{"check":"live","for":"20m","reason":"repairs"}`, 200)
			},
			func(w *world) { w.ask(control.PathUnsnooze, `{}`, 200) },
		},
		"the file": {
			func(w *world) { w.write(w.sandbox(snoozeName), "") },
			func(w *world) {
				if err := os.Remove(w.sandbox(snoozeName)); err != nil {
					w.Fatal(err)
				}
			},
		},
		"for a while": {
			func(w *world) { w.ask(control.PathSnooze, `{"for":"1s","reason":"repairs"}`, 200) },
			func(w *world) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatients(t)
			w := newWorld(t, tasks(watched(p.check("live"))))
			w.start()
			w.untilVerdict("live", judge.Healthy)
			c.snooze(w)
			time.Sleep(200 * time.Millisecond) // the attempt that was under way
			p.is("live", "ill")
			asked := p.times("live")
			w.kill9(w.dir.Lock()) // the next brain knows, too
			w.ask(control.PathStatus, "", 200)
			time.Sleep(600 * time.Millisecond) // six intervals
			if n := p.times("live") - asked; n > 0 || w.over() {
				t.Errorf("while it is snoozed it was asked %d times; over: %t", n, w.over())
			}
			if checks := w.state().Processes[0].Checks; len(checks) != 1 || checks[0].Counts.Snoozed == 0 {
				t.Errorf("that it is snoozed is not known: %+v", checks)
			}
			c.unsnooze(w)
			if s := w.finished(); s.State != machine.Failed {
				t.Errorf("%s: %s", s.State, s.Reason)
			}
		})
	}
}

func TestSnoozeIsRefused(t *testing.T) {
	p := newPatients(t)
	w := newWorld(t, tasks(watched(p.check("live"))))
	w.start()
	for _, c := range []struct {
		body, want string
		code       int
	}{
		{`{"for":"25h","reason":"r"}`, "24h", 400},
		{`{"for":"0s","reason":"r"}`, "must end", 400},
		{`{"for":"1m"}`, "reason", 400},
		{`{"for":"1m","reason":"r","check":"web/life"}`, "no check web/life; there are: web/live", 409},
	} {
		if said := w.ask(control.PathSnooze, c.body, c.code); !strings.Contains(said, c.want) {
			t.Errorf("%s: %s", c.body, said)
		}
	}
	w.ask(control.PathKill, `{"grace":0}`, 200)
	w.finished()
}

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
	span := 3 * time.Second
	if soak.Promised(t, 0, 1) > 0 {
		span = time.Minute
	}
	p := newPatients(t)
	var all []task.Check
	for i := range 20 {
		c := p.check(fmt.Sprintf("c%d", i))
		c.Timeout, c.MaxConsecutiveFailures = task.Duration(time.Second), 0
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
	begin := time.Now()
	w.until("that is found out", func() bool {
		all := w.verdicts("live")
		return all[len(all)-1] == judge.Unhealthy
	})
	if took, most := time.Since(begin), interval*(failures+1)+interval/8+timeout+time.Second; took > most {
		t.Errorf("it took %v, more than %v", took, most)
	}
	if s := w.finished(); s.State != machine.Failed {
		t.Errorf("%s: %s", s.State, s.Reason)
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
