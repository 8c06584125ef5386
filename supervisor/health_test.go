package supervisor

import (
	"fmt"
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
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// patients is a server that is well, or not, endpoint by endpoint: "ok", "ill",
// "hung". What it is not told of is well.
type patients struct {
	port   string
	mu     sync.Mutex
	states map[string]string
	asked  map[string][]int64 // at which boot times
}

func newPatients(t testing.TB) *patients {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &patients{states: make(map[string]string), asked: make(map[string][]int64)}
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
	p.asked[name] = append(p.asked[name], shim.BootTime())
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
	return len(p.asked[name])
}

// between is how often an endpoint was asked after one boot time and before another.
func (p *patients) between(name string, begin, end int64) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.asked[name] {
		if begin < at && at < end {
			n++
		}
	}
	return n
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
	c := task.DefaultCheck()
	c.Name, c.Action, c.Shell = "live", task.Restart, "test ! -e sick$DEWAR_RUN"
	c.Interval, c.Timeout, c.InitialInterval, c.MaxConsecutiveFailures = 100e6, task.Duration(20*time.Second), 0, 2
	web := watched(c)
	web.MaxFailures = 3
	w := newWorld(t, tasks(web))
	w.start()
	for run := range 3 {
		w.untilRecord("it is well", func(r machine.Record) bool {
			a, ok := r.(machine.Answered)
			return ok && a.Run == run && a.State.Verdict == judge.Healthy
		})
		w.write(w.sandbox(fmt.Sprintf("sick%d", run)), "")
		w.untilRecord("it has ended", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.Run == run })
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
	for name, c := range map[string]struct {
		snooze   func(w *world)
		unsnooze func(w *world) (at int64) // the boot time from which on it may be asked again
	}{
		"asked for": {
			func(w *world) {
				w.ask(control.PathSnooze, `{"check":"live","for":"20m","reason":"repairs"}`, 200)
			},
			func(w *world) int64 {
				at := shim.BootTime()
				w.ask(control.PathUnsnooze, `{}`, 200)
				return at
			},
		},
		"the file": {
			func(w *world) { w.write(w.sandbox(snoozeName), "") },
			func(w *world) int64 {
				at := shim.BootTime()
				if err := os.Remove(w.sandbox(snoozeName)); err != nil {
					w.Fatal(err)
				}
				return at
			},
		},
		"for a while": {
			func(w *world) { w.ask(control.PathSnooze, `{"for":"3s","reason":"repairs"}`, 200) },
			func(w *world) (at int64) {
				for _, e := range w.entries() {
					if s, ok := e.Record.(machine.Snoozed); ok {
						at = s.Until.Boot
					}
				}
				return at
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatients(t)
			w := newWorld(t, tasks(watched(p.check("live"))))
			w.start()
			w.untilVerdict("live", judge.Healthy)
			c.snooze(w)
			w.untilRecord("no attempt is under way", isSnoozed)
			p.is("live", "ill")
			begun := shim.BootTime()
			w.kill9(w.dir.Lock()) // the next brain knows, too
			w.ask(control.PathStatus, "", 200)
			time.Sleep(600 * time.Millisecond) // six intervals
			if checks := w.state().Processes[0].Checks; len(checks) != 1 || checks[0].Counts.Snoozed == 0 {
				t.Errorf("that it is snoozed is not known: %+v", checks)
			}
			end := c.unsnooze(w)
			if s := w.finished(); s.State != machine.Failed {
				t.Errorf("%s: %s", s.State, s.Reason)
			}
			if n := p.between("live", begun, end); n > 0 {
				t.Errorf("while it was snoozed it was asked %d times", n)
			}
			for _, e := range w.entries() {
				if a, ok := e.Record.(machine.Answered); ok && a.State.Verdict == judge.Unhealthy && e.At.Boot < end {
					t.Errorf("while it was snoozed it became unhealthy: %s", a.Why)
				}
			}
		})
	}
}

// isSnoozed is the record of the first answer to a check that is snoozed.
func isSnoozed(r machine.Record) bool {
	a, ok := r.(machine.Answered)
	return ok && len(a.Answers) > 0 && a.Answers[len(a.Answers)-1].Outcome == judge.Snoozed
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
