package machine

import (
	"strings"
	"testing"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

type failer interface {
	Helper()
	Fatal(...any)
}

// patient is a task of one process, which runs, with a check of its own and one
// of the task as a whole.
func patient(t failer, edit func(own, whole *task.Check)) (task.Task, *Machine) {
	t.Helper()
	p := task.DefaultProcess()
	p.Name, p.MinDuration = "web", 0
	own, whole := task.DefaultCheck(), task.DefaultCheck()
	own.Name, own.Action, own.InitialInterval = "live", task.Restart, 0
	whole.Name, whole.Action, whole.InitialInterval = "health", task.FailTask, 0
	edit(&own, &whole)
	p.Checks = []task.Check{own}
	def := task.Task{Name: "t", MaxFailures: 1, Check: &whole, Processes: []task.Process{p}}
	m := New(def)
	put(t, m, 1, Created{Format: 1}, TakenUp{BootID: "b"}, Forking{web(0)}, Started{RunID: web(0), Pid: 1})
	return def, m
}

func web(run int) task.RunID { return task.RunID{Process: "web", Run: run} }

func put(t failer, m *Machine, boot int64, records ...Record) {
	t.Helper()
	for _, r := range records {
		if err := m.Apply(Instant{Boot: boot}, r); err != nil {
			t.Fatal(err)
		}
	}
}

func reply(boot int64, o judge.Outcome) Answer {
	a := Answer{At: Instant{Boot: boot}, Outcome: o}
	if o != judge.OK {
		a.Reason = "r"
	}
	return a
}

var (
	webLive   = CheckID{"web", "live"}
	taskCheck = CheckID{"", "health"}
)

// What is ready or not may fail for days: that is said once, and then ten
// answers at a time.
func TestUnhealthyIsSaidOnce(t *testing.T) {
	_, m := patient(t, func(own, _ *task.Check) { own.Action = task.NoAction })
	var gathered []Answer
	records := 0
	for i := range 101 {
		gathered = append(gathered, reply(int64(i+2), judge.Fail))
		if r, ok := m.Consider(webLive, 0, gathered...); ok {
			put(t, m, int64(i+2), r)
			records, gathered = records+1, nil
		}
	}
	if records != 11 {
		t.Errorf("101 failures made %d records, want one and ten of ten", records)
	}
	if d := m.Decide(Instant{Boot: 200}); len(d) > 0 {
		t.Errorf("a check that does nothing makes the machine do %v", d)
	}
	r, ok := m.Consider(webLive, 0, reply(300, judge.OK))
	if !ok || r.State.Verdict != judge.Healthy {
		t.Errorf("an ok after that is %+v, %v", r, ok)
	}
}

// A check that cannot be asked fails the task at once, also one that is
// unhealthy already and does nothing about it.
func TestMisconfiguredWhileUnhealthy(t *testing.T) {
	_, m := patient(t, func(own, _ *task.Check) { own.Action = task.NoAction })
	r, ok := m.Consider(webLive, 0, reply(2, judge.Fail))
	if !ok {
		t.Fatal("the failure is not recorded")
	}
	put(t, m, 2, r)
	wrong := reply(3, judge.Misconfigured)
	wrong.Reason = "there is no port health"
	if r, ok = m.Consider(webLive, 0, wrong, reply(4, judge.OK)); !ok || len(r.Answers) != 1 {
		t.Fatalf("it is %+v, %v", r, ok)
	}
	put(t, m, 4, r)
	d := m.Decide(Instant{Boot: 4})
	if len(d) != 1 {
		t.Fatalf("the machine decides %v", d)
	}
	c, _ := d[0].Record.(Cleaning)
	if want := "check web/live cannot be asked: there is no port health"; c.Result != Failed || c.Reason != want {
		t.Errorf("%+v, want FAILED: %s", c, want)
	}
}

// An answer that was on its way when a person snoozed the check does not count,
// neither then nor when the snooze is over; one that came before does.
func TestAnswersUnderWayWhenSnoozed(t *testing.T) {
	_, m := patient(t, func(own, _ *task.Check) { own.MaxConsecutiveFailures = 1 })
	r, _ := m.Consider(webLive, 0, reply(2, judge.Fail))
	put(t, m, 2, r, Snoozed{Process: "web", Until: Instant{Boot: 100}, By: "p", Reason: "r"})
	if r, ok := m.Consider(taskCheck, 0, reply(3, judge.Fail)); !ok || r.State.Verdict != judge.Unhealthy {
		t.Errorf("a check that is not snoozed is %+v, %v", r, ok)
	}
	r, ok := m.Consider(webLive, 0, reply(3, judge.Fail))
	if !ok || r.State.Failures != 1 || r.Answers[0].Outcome != judge.Snoozed {
		t.Fatalf("an answer while it is snoozed is %+v, %v", r, ok)
	}
	put(t, m, 3, r, Unsnoozed{Process: "web", By: "p"})
	if r, _ = m.Consider(webLive, 0, reply(4, judge.Fail)); r.State.Verdict != judge.Unhealthy {
		t.Errorf("after the snooze it is %+v: the failure before it is forgotten", r.State)
	}
}

// Nothing counts that comes while the task stands still, or of a run that is no
// more.
func TestAnswersThatDoNotCount(t *testing.T) {
	_, m := patient(t, func(_, _ *task.Check) {})
	silent := func(when string, id CheckID, run int) {
		t.Helper()
		if r, ok := m.Consider(id, run, reply(9, judge.Fail)); ok {
			t.Errorf("%s, an answer is recorded: %+v", when, r)
		}
	}
	put(t, m, 2, PauseAsked{"p"})
	silent("while the task is paused", webLive, 0)
	silent("while the task is paused", taskCheck, 0)
	put(t, m, 3, UnpauseAsked{"p"})
	silent("of a run to come", webLive, 1)
	put(t, m, 4, Ended{RunID: web(0), State: RunKilled})
	silent("of a run that has ended", webLive, 0)
	put(t, m, 5, Forking{web(1)})
	silent("before the run is started", webLive, 1)
	put(t, m, 6, Started{RunID: web(1), Pid: 1})
	silent("of the run before", webLive, 0)
	silent("of a check that is not there", CheckID{"web", "x"}, 1)
	if _, ok := m.Consider(webLive, 1, reply(9, judge.Fail)); !ok {
		t.Error("the run that lives has no answer recorded")
	}
	put(t, m, 7, KillAsked{Grace: 1e9})
	silent("of a task that is killed", taskCheck, 0)
}

// After another boot every process begins anew, and the task's own check with
// them: it has its grace again.
func TestTaskCheckBeginsAnewAfterReboot(t *testing.T) {
	_, m := patient(t, func(_, whole *task.Check) { whole.InitialInterval = whole.Interval })
	for i := range 2 {
		r, ok := m.Consider(taskCheck, 0, reply(int64(i+2), judge.OK))
		if !ok {
			break
		}
		put(t, m, int64(i+2), r)
	}
	put(t, m, 5, TakenUp{BootID: "c"}, Ended{RunID: web(0), State: RunLost}, Forking{web(1)}, Started{RunID: web(1), Pid: 2})
	s := m.State().Checks[0]
	if s.Judged != (judge.State{}) || s.Since != (Instant{}) || len(s.Answers) == 0 {
		t.Errorf("after the reboot it is %+v", s)
	}
	if r, ok := m.Consider(taskCheck, 0, reply(6, judge.Fail)); !ok || r.State.Verdict != judge.Starting {
		t.Errorf("its first failure after the reboot makes it %+v, %v", r, ok)
	}
}

// A run that says READY=1 when it was told to stop for not doing so has failed
// for that all the same.
func TestReadyTooLate(t *testing.T) {
	p := task.DefaultProcess()
	p.Name, p.ReadyTimeout = "web", 5e9
	q := task.DefaultProcess()
	q.Name, q.After = "late", []task.Edge{{Process: "web", When: task.WhenReady}}
	m := New(task.Task{MaxFailures: 1, Processes: []task.Process{p, q}})
	put(t, m, 1, Created{Format: 1}, TakenUp{BootID: "b"}, Forking{web(0)}, Started{RunID: web(0), Pid: 1})
	put(t, m, 6e9, Stopping{RunID: web(0), Cause: CauseNotReady, Signal: "TERM", By: 9e9}, Ready{web(0)})
	said := m.Judge(Instant{Boot: 7e9}, Exit{RunID: web(0), Signal: 15, Signals: []int{15}})
	if said.State != RunFailed || !strings.HasPrefix(said.Reason, "it was not ready within 5") {
		t.Errorf("it is %s: %q", said.State, said.Reason)
	}
}

// A process that stands still is not told to stop because another has died.
func TestNothingIsLostWhilePaused(t *testing.T) {
	p := task.DefaultProcess()
	p.Name, p.MaxFailures, p.MinDuration = "web", 0, 60e9
	q := task.DefaultProcess()
	q.Name, q.After = "user", []task.Edge{{Process: "web", When: task.WhenReady, OnLost: task.LostStop}}
	m := New(task.Task{MaxFailures: 1, Processes: []task.Process{p, q}})
	user := task.RunID{Process: "user"}
	put(t, m, 1, Created{Format: 1}, TakenUp{BootID: "b"}, Forking{web(0)}, Started{RunID: web(0), Pid: 1}, Ready{web(0)},
		Forking{user}, Started{RunID: user, Pid: 2}, PauseAsked{"p"}, Ended{RunID: web(0), State: RunFailed, Signal: 9})
	if d := m.Decide(Instant{Boot: 2}); len(d) > 0 {
		t.Fatalf("while the task is paused the machine decides %v", d)
	}
	put(t, m, 3, UnpauseAsked{"p"})
	d := m.Decide(Instant{Boot: 3})
	if len(d) != 1 {
		t.Fatalf("then the machine decides %v", d)
	}
	if s, _ := d[0].Record.(Stopping); s.RunID != user || s.Cause != CauseLost {
		t.Errorf("then the machine decides %+v", d[0])
	}
}
