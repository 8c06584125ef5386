package show

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

func zero() *int { n := 0; return &n }
func four() *int { n := 4; return &n }

// stack is a task in the middle of its life, a minute old.
func stack() machine.State {
	run := func(n int, s machine.RunState, from, to int64) machine.Run {
		return machine.Run{Run: n, State: s, Forked: seconds(from), Started: seconds(from), Ended: seconds(to)}
	}
	done, tried, live, stopping, killed := run(0, machine.RunSuccess, 1, 3), run(0, machine.RunFailed, 1, 4), run(1, machine.Running, 10, 0), run(0, machine.Running, 10, 0), run(0, machine.RunKilled, 5, 6)
	done.Exit, tried.Exit, tried.Tail = zero(), four(), "no route\n"
	done.Rusage = machine.Rusage{User: 5e8, System: 5e8, MaxRSS: 3 << 20}
	live.Pid, live.Ready = 123, seconds(11)
	stopping.Stop = &machine.Stopped{Cause: machine.CauseRestart, Signal: "TERM"}
	killed.Signal, killed.Left = 9, 2
	return machine.State{
		ID: "t", State: machine.Active, Since: seconds(1), Created: seconds(0),
		Counts: machine.Counts{Processes: 7, Waiting: 3, Live: 2, Finished: 1, Failed: 1, Runs: 6},
		Processes: []machine.ProcessState{
			{Name: "migrate", State: machine.RunSuccess, Over: machine.OverFinished, Runs: 1, History: []machine.Run{done}},
			{Name: "web", State: machine.Running, Runs: 2, Failures: 1, History: []machine.Run{tried, live}},
			{Name: "db", State: machine.Running, Runs: 1, History: []machine.Run{stopping}},
			{Name: "fetch", State: machine.RunFailed, Over: machine.OverFailed, Runs: 1, Failures: 1, History: []machine.Run{tried}},
			{Name: "load", State: machine.Waiting, Waits: []string{"waits for web to succeed, which runs (run 1)"}},
			{Name: "again", State: machine.Waiting, Runs: 1, NextStart: 65e9, History: []machine.Run{killed}},
			{Name: "save", State: machine.Waiting, Final: true},
		},
	}
}

func TestStatusText(t *testing.T) {
	v := &observer.View{
		ID: "t", Dir: "/tasks/t", State: stack(), Shim: 10, Brain: 11,
		Launch: &task.Launch{Owner: "root", User: "web", SourceFile: "t.yaml", Ports: map[string]int{"http": 80, "admin": 81}, Task: task.Task{Name: "stack"}},
	}
	s := Of(v, time.Unix(60, 0))
	s.Launched = time.Time{} // its text depends on where this runs
	const want = `task t  ACTIVE, for 59s
directory  /tasks/t
ports      admin=81 http=80
kept by    shim 10, brain 11
processes  7: 2 running, 3 waiting, 1 finished, 1 failed; 6 runs so far

PROCESS  STATE    RUN  FAILURES  PID  TOOK
migrate  SUCCESS  0    0              2s    exit status 0
web      RUNNING  1    1         123  50s   ready
db       RUNNING  0    0              50s   stopping with TERM: a person asked for a restart
fetch    FAILED   0    1              3s    exit status 4
load     WAITING  -    0                    waits for web to succeed, which runs (run 1)
again    WAITING  0    0              1s    run 0 KILLED signal 9 (KILL), 2 descendants left; next run in 5s
save     WAITING  -    0                    finalizer
`
	if diff := cmp.Diff(want, s.Text(seconds(60))); diff != "" {
		t.Errorf("the status (-want +got):\n%s", diff)
	}
	if s.Name != "stack" || s.User != "web" || len(s.Trouble) != 0 || s.Counts.Runs != 6 {
		t.Errorf("the status is %+v", s)
	}
	if got := strings.Join(s.line(time.Unix(60, 0)), "|"); got != "t|ACTIVE|59s|2 running, 3 waiting, 1 finished, 1 failed" {
		t.Errorf("its line is %q", got)
	}
}

func TestStatusOfTheDead(t *testing.T) {
	state := stack()
	state.State, state.Reason = machine.Failed, "fetch failed"
	state.Processes = state.Processes[3:]
	const want = `PROCESS  STATE    RUN  FAILURES  PID  TOOK
fetch    FAILED   0    1              3s    exit status 4
load     WAITING  -    0                    never ran
again    KILLED   0    0              1s    signal 9 (KILL), 2 descendants left
save     WAITING  -    0                    never ran
`
	state.Processes[1].Waits = nil // as the machine has it
	got := Of(&observer.View{ID: "t", State: state}, time.Unix(60, 0)).Text(seconds(60))
	if _, table, _ := strings.Cut(got, "\n\n"); table != want {
		t.Errorf("the table (-want +got):\n%s", cmp.Diff(want, table))
	}
}

func TestTrouble(t *testing.T) {
	now := time.Unix(1000, 0)
	over := machine.State{State: machine.Failed}
	active := machine.State{State: machine.Active}
	failing := &observer.Failing{Exit: 2, Count: 3, At: now.Add(-5 * time.Second), Next: now.Add(time.Minute), Stderr: "panic: no luck\n\ngoroutine 1\n\tmain.go:3\n"}
	for _, test := range []struct {
		name string
		view observer.View
		want []string // parts of the sentences
	}{
		{"all is well", observer.View{State: active, Shim: 1, Brain: 2}, nil},
		{"it is over", observer.View{State: over, Failing: failing, Wish: &observer.Wish{}}, nil},
		{"orphaned", observer.View{State: active}, []string{"neither its shim nor its brain lives; dewar resume x goes on with it, dewar kill x ends it"}},
		{"rebooted", observer.View{State: active, Rebooted: true}, []string{"the machine was rebooted; dewar resume x"}},
		{"in quarantine", observer.View{State: active, Shim: 1, Quarantine: errors.New("damaged at offset 7")}, []string{"in quarantine: damaged at offset 7; nothing but a kill is possible: dewar kill x"}},
		{"another user's", observer.View{Quarantine: fs.ErrPermission, Problems: []error{fs.ErrPermission}}, []string{"it is another user's, and cannot be read: permission denied"}},
		{"not a task", observer.View{Quarantine: observer.ErrNotTask}, []string{"not a task: no task.json"}},
		{"failing", observer.View{State: active, Shim: 1, Failing: failing}, []string{"the last one died 5s ago, another is tried in 1m00s; it said: panic: no luck; its log is /tasks/x/brain.log"}},
		{"given up", observer.View{State: active, Failing: failing, Wish: &observer.Wish{By: "uid 0"}}, []string{
			"neither its shim nor its brain lives; it is to be ended: dewar kill x does",
			"exit status 2); the last one died 5s ago; it said", "a wish to end it stands, of uid 0"}},
		{"to be ended", observer.View{State: active, Shim: 1, Wish: &observer.Wish{By: "uid 0", Grace: time.Minute}}, []string{"a wish to end it stands, of uid 0, with a grace of 1m00s"}},
		{"full and torn", observer.View{State: machine.State{State: machine.Active, Full: true}, Shim: 1, Torn: 9, Problems: []error{errors.New("it is a link")}}, []string{"the disk is full", "the last 9 bytes", "it is a link"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.view.ID, test.view.Dir = "x", "/tasks/x"
			got := Trouble(&test.view, now)
			if len(got) != len(test.want) {
				t.Fatalf("%d troubles, want %d: %q", len(got), len(test.want), got)
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("it says %q, want %q", got[i], want)
				}
			}
		})
	}
	failing.Stderr = "\tmain.go:3 +0x5\nsome frame\n"
	if got := Trouble(&observer.View{ID: "x", State: active, Shim: 1, Failing: failing}, now); strings.Contains(got[0], "it said") {
		t.Errorf("it quotes a piece of a stack trace: %q", got)
	}
}

func TestRuns(t *testing.T) {
	rows := strings.Split(Runs(stack().Processes, seconds(60)), "\n")
	for i, want := range map[int][]string{
		2: {"migrate/0", "SUCCESS", "2s", "1s", "3.0 MB", "exit status 0"},
		3: {"web/0", "FAILED", "3s", "exit status 4"},
		4: {"web/1", "RUNNING", "50s"},
		5: {"db/0", "told to stop with TERM: a person asked for a restart"},
		7: {"again/0", "KILLED", "signal 9 (KILL), 2 descendants left"},
	} {
		for _, part := range want {
			if !strings.Contains(rows[i], part) {
				t.Errorf("row %d lacks %q: %q", i, part, rows[i])
			}
		}
	}
	if Runs(nil, seconds(60)) != "" {
		t.Error("a table of no runs")
	}
}

func TestWhy(t *testing.T) {
	tails := Tails(stack(), "")
	if diff := cmp.Diff([]Tail{{"web", 0, []string{"no route"}}, {"fetch", 0, []string{"no route"}}}, tails); diff != "" {
		t.Errorf("last words of all (-want +got):\n%s", diff)
	}
	if got := Tails(stack(), "fetch"); len(got) != 1 || got[0].Process != "fetch" {
		t.Errorf("last words of one: %v", got)
	}
	const want = `task t
! its brain is away
  fetch is FAILED
  run 0 of fetch ·[31m

last of stderr of run 0 of fetch:
  | no route
`
	got := Why("t", []string{"its brain is away"}, []string{"fetch is FAILED", "run 0 of fetch \x1b[31m"}, tails[1:])
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("why (-want +got):\n%s", diff)
	}
	long := strings.Repeat("line\n", 100)
	if got := lastLines(long); len(got) != mostLines {
		t.Errorf("%d last lines, want %d", len(got), mostLines)
	}
}
