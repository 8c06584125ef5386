package supervisor

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/soak"
)

// long is a wait that a test which waited for it to end would notice.
const long = task.Duration(100 * time.Second)

// freePort is a port that nobody listens at just now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// server is a task of one server with life-cycle calls; see beServer.
func server(t testing.TB, manner string, wait task.Duration) (spec task.Task, addr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(freePort(t))
	addr = net.JoinHostPort("127.0.0.1", port)
	spec = tasks(sh("web", fmt.Sprintf("exec '%s' payload server told %s %s", self, addr, manner)))
	spec.FinalizationWait = 4 * long // in which all of it must fit
	spec.Lifecycle = &task.Lifecycle{HTTP: &task.HTTPLifecycle{
		Port: task.Port(port), GracefulEndpoint: "/quit", GracefulShutdownWait: wait,
		ShutdownEndpoint: "/abort", ShutdownWait: wait,
	}}
	return spec, addr
}

// untilServes waits until somebody listens there.
func (w *world) untilServes(addr string) {
	w.Helper()
	w.until("somebody listens at "+addr, func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
}

// spans are the times between a Cleaning and what follows it, in the words of the
// journal: "calling", "stopping".
func (w *world) spans() map[string]time.Duration {
	begun, at := int64(0), make(map[string]time.Duration)
	for _, e := range w.entries() {
		name := machine.TypeOf(e.Record)
		if c, ok := e.Record.(machine.Calling); ok {
			name = string(c.Step)
		}
		switch {
		case name == "cleaning":
			begun = e.At.Boot
		case begun != 0:
			at[name] = time.Duration(e.At.Boot - begun)
		}
	}
	return at
}

var killed = "TERM: the task is killed by " + myself() + ": enough\n"

// myself is who asks in these tests.
func myself() string {
	u, err := user.Current()
	if err != nil {
		return fmt.Sprintf("uid %d", os.Getuid())
	}
	return fmt.Sprintf("uid %s (%s)", u.Uid, u.Username)
}

func TestLifecycleCalls(t *testing.T) {
	const short = task.Duration(300 * time.Millisecond)
	type bounds struct{ least, most time.Duration } // from the kill to the stop signal
	for name, c := range map[string]struct {
		manner string
		wait   task.Duration
		kill   string
		told   string
		stop   bounds // zero: there is none
		end    string
		said   []string // of the calls
	}{
		"Aurora's timeline": {"ok", short, `{"reason":"enough"}`, "POST /quit\nPOST /abort\n" + killed, bounds{600e6, 30e9}, "web/0 KILLED 0 0 ",
			[]string{"was answered 200", "was answered 200"}},
		"404 is not waited for": {"404", long, `{"reason":"enough"}`, "POST /quit\nPOST /abort\n" + killed, bounds{0, 20e9}, "web/0 KILLED 0 0 ",
			[]string{"was answered 404", "was answered 404"}},
		"a server that hangs": {"hang", short, `{"reason":"enough"}`, "POST /quit\nPOST /abort\n" + killed, bounds{600e6, 30e9}, "web/0 KILLED 0 0 ",
			[]string{"", ""}},
		"a budget that is too small for the waits": {"ok", long, `{"grace":"8s","reason":"enough"}`, "POST /quit\nPOST /abort\n" + killed, bounds{5900e6, 8e9}, "web/0 KILLED 0 0 ",
			[]string{"was answered 200", "was answered 200"}},
		"it quits":                   {"quit", long, `{}`, "POST /quit\n", bounds{}, "web/0 FAILED 7 0 ", []string{""}},
		"it quits without an answer": {"abort", long, `{}`, "POST /quit\n", bounds{}, "web/0 FAILED 7 0 ", []string{""}},
		"now":                        {"ok", long, `{"grace":0}`, "", bounds{}, "web/0 KILLED -1 9 ", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, addr := server(t, c.manner, c.wait)
			w := newWorld(t, spec)
			w.start()
			w.untilServes(addr)
			begun := time.Now()
			w.ask(control.PathKill, c.kill, 200)
			s := w.finished()
			if took := time.Since(begun); took > 40*time.Second {
				t.Errorf("it took %v", took)
			}
			if got := runs(s); len(got) != 1 || got[0] != c.end || s.State != machine.Killed {
				t.Errorf("%q, task %s; want %q", got, s.State, c.end)
			}
			if diff := cmp.Diff(c.told, w.text("told")); diff != "" {
				t.Errorf("it was told (-want +got):\n%s", diff)
			}
			stop, stopped := w.spans()["stopping"]
			if stopped != (c.stop != bounds{}) || stop < c.stop.least || stop > c.stop.most {
				t.Errorf("from the kill to the signal: %v, %v; want %v", stop, stopped, c.stop)
			}
			if len(s.Calls) != len(c.said) {
				t.Fatalf("calls: %+v", s.Calls)
			}
			for i, call := range s.Calls {
				if c.said[i] != "" && call.Said != c.said[i] {
					t.Errorf("%s %s; want %q", call.Endpoint, call.Said, c.said[i])
				}
			}
		})
	}
}

// Nobody listens: nobody is waited for. Nothing lives: nobody is called.
func TestLifecycleCallsToNobody(t *testing.T) {
	spec, _ := server(t, "ok", long)
	spec.Processes[0].Cmdline = `trap 'exit 0' TERM; touch up; while :; do sleep 0.01; done`
	w := newWorld(t, spec)
	w.start()
	w.until("it is up", func() bool { _, err := os.Stat(w.sandbox("up")); return err == nil })
	w.ask(control.PathKill, `{}`, 200)
	s := w.finished()
	if stop, ok := w.spans()["stopping"]; !ok || stop > 20*time.Second {
		t.Errorf("the signal came after %v, %v", stop, ok)
	}
	for _, c := range s.Calls {
		if c.Heard || !strings.Contains(c.Said, "nobody listens") {
			t.Errorf("%s %s", c.Endpoint, c.Said)
		}
	}

	spec.Processes[0].Cmdline = "true"
	w = newWorld(t, spec)
	w.start()
	if s := w.finished(); len(s.Calls) != 0 || s.State != machine.Success {
		t.Errorf("%s, calls %+v", s.State, s.Calls)
	}
}

// A finalizer knows why the task has ended, in whatever way that was.
func TestFinalizerKnowsWhy(t *testing.T) {
	for name, c := range map[string]struct{ cmdline, kill, want string }{
		"killed": {`trap 'cp .dewar-stop-reason told; exit' TERM; touch up; while :; do sleep 0.01; done`, `{"reason":"two\nlines"}`, "the task is killed by " + myself() + ": two lines\n"},
		"failed": {"exit 3", "", "the task has failed: process web failed for good: run 0 exited with status 3; max_failures of the task is 1\n"},
		"over":   {"true", "", "the task is over: every process has finished\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := sh("last", `echo "$DEWAR_STOP_REASON" > why`)
			last.Final = true
			w := newWorld(t, tasks(sh("web", c.cmdline+"; env > env"), last))
			w.start()
			if c.kill != "" {
				w.until("it is up", func() bool { _, err := os.Stat(w.sandbox("up")); return err == nil })
				w.ask(control.PathKill, c.kill, 200)
			}
			w.finished()
			if got := w.text("why"); got != c.want {
				t.Errorf("it knows %q, want %q", got, c.want)
			}
			if got := w.text("told"); c.kill != "" && got != c.want {
				t.Errorf("who was stopped knows %q, want %q", got, c.want)
			}
			if strings.Contains(w.text("env"), "DEWAR_STOP_REASON") {
				t.Errorf("an ordinary process has it, too: %q", w.text("env"))
			}
		})
	}
}

// Whatever somebody says who kills, a finalizer can be told.
func TestFinalizerIsToldBriefly(t *testing.T) {
	t.Parallel()
	last := sh("last", `echo "$DEWAR_STOP_REASON" > why`)
	last.Final = true
	w := newWorld(t, tasks(sh("web", "touch up; exec sleep 1000"), last))
	w.start()
	w.until("it is up", func() bool { _, err := os.Stat(w.sandbox("up")); return err == nil })
	w.ask(control.PathKill, `{"reason":"\u001b[2J\u0000`+strings.Repeat("ä", 500<<10)+`"}`, 200)
	w.finished()
	got := strings.TrimSuffix(w.text("why"), "\n")
	if want := "the task is killed by " + myself() + ": \ufffd[2J\ufffdä"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "ä…") || len(got) > 1<<10 {
		t.Errorf("it knows %d bytes, %.80q…, want %q…", len(got), got, want)
	}
}

// lateCalls are the life-cycle calls of a brain that was followed, on a busy
// machine, by one so late that there was hardly time for them, or none.
func (w *world) lateCalls() (late []machine.Step) {
	var open *machine.Calling
	for _, e := range w.entries() {
		switch r := e.Record.(type) {
		case machine.Calling:
			open = &r
		case machine.Called:
			open = nil
		case machine.TakenUp:
			if open != nil && e.At.Boot > open.AnswerBy-int64(500*time.Millisecond) {
				late = append(late, open.Step)
			}
		}
	}
	return late
}

// A brain that is killed at any point of a farewell: each call and the pre_stop
// are done, perhaps twice, in their order; the waits are not begun anew; the signal
// comes once.
func TestBrainDiesAtFarewell(t *testing.T) {
	farewell := func(t *testing.T, wait time.Duration, env ...string) *world {
		spec, addr := server(t, "ok", task.Duration(wait))
		spec.Processes[0].PreStop = &task.PreStop{Cmdline: "echo bye >> told", Timeout: long}
		w := newWorld(t, spec, env...)
		w.start()
		w.untilServes(addr)
		w.ask(control.PathKill, `{"reason":"enough"}`, 200)
		s := w.finished()
		if got := runs(s); len(got) != 1 || got[0] != "web/0 KILLED 0 0 " || s.State != machine.Killed {
			t.Errorf("%q, task %s", got, s.State)
		}
		var calls, others int
		for _, e := range w.entries() {
			switch e.Record.(type) {
			case machine.Calling:
				calls++
			case machine.Called, machine.PreStopping, machine.PreStopped, machine.Stopping, machine.Parted:
				others++
			}
		}
		if least := 6 - len(w.lateCalls()); calls != 2 || others < least || others > 6 {
			t.Errorf("the journal has %d calls and %d other records of it, not %d", calls, others, least)
		}
		if stop := w.spans()["stopping"]; stop < 2*wait {
			t.Errorf("the signal came after %v", stop)
		}
		return w
	}
	points := filepath.Join(t.TempDir(), "points")
	w := farewell(t, 1500*time.Millisecond, "POINTS="+points)
	if diff := cmp.Diff("POST /quit\nPOST /abort\nbye\n"+killed, w.text("told")); diff != "" {
		t.Fatalf("it was told (-want +got):\n%s", diff)
	}
	counted, err := os.ReadFile(points)
	if err != nil || len(counted) < 30 {
		t.Fatalf("only %d points: %v", len(counted), err)
	}
	step := max(1, len(counted)/soak.Times(t, 10))
	soak.Note(t, "SIGKILL to the brain at a point of a farewell", len(counted)/step, "each step done, at most twice, in order; one signal")
	for point := 1; point <= len(counted) && !t.Failed(); point += step {
		t.Run(strconv.Itoa(point), func(t *testing.T) {
			w := farewell(t, 300*time.Millisecond, "CRASH_AT="+strconv.Itoa(point), "CRASHED="+filepath.Join(t.TempDir(), "crashed"))
			told := w.text("told")
			for _, line := range []string{"POST /quit\n", "POST /abort\n", "bye\n"} {
				told = strings.Replace(told, line+line, line, 1)
			}
			want := "POST /quit\nPOST /abort\nbye\n" + killed
			for _, step := range w.lateCalls() {
				line := map[machine.Step]string{machine.GracefulShutdown: "POST /quit\n", machine.Shutdown: "POST /abort\n"}[step]
				if !strings.Contains(told, line) {
					want = strings.Replace(want, line, "", 1)
				}
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("it was told (-want +got):\n%s", diff)
			}
		})
	}
}
