package machine

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// Checks in the reference, and in the world.

// refHealth is what has been answered of a run, or of the task as a whole.
type refHealth struct {
	judged map[string]judge.State
	sick   bool
}

// refSnooze is a snooze of some check, and since when.
type refSnooze struct {
	Snoozed
	at int64
}

func (h *refHealth) verdict(name string) judge.Verdict { return h.judged[name].Verdict }

// allHealthy is of a process with checks.
func (p *refProcess) allHealthy() bool {
	run := p.last()
	return run != nil && len(p.def.Checks) > 0 && !slices.ContainsFunc(p.def.Checks, func(c task.Check) bool { return run.verdict(c.Name) != judge.Healthy })
}

// health is of whom a check asks: a run, or the task.
func (r *reference) health(id CheckID, run int) (*refHealth, *task.Check) {
	if id.Process == "" {
		return &r.whole, r.task.Check
	}
	p := r.procs[id.Process]
	i := slices.IndexFunc(p.def.Checks, func(c task.Check) bool { return c.Name == id.Check })
	return &p.runs[run].refHealth, &p.def.Checks[i]
}

func (r *reference) readCheck(at int64, rec Record) {
	switch rec := rec.(type) {
	case Answered:
		h, c := r.health(rec.CheckID, rec.Run)
		if h.judged == nil {
			h.judged = make(map[string]judge.State)
		}
		for _, a := range rec.Answers {
			h.judged[rec.Check], _ = judge.RuleOf(c).Judge(h.judged[rec.Check], a.Outcome, a.At.Boot)
			r.misjudged = r.misjudged || a.Outcome == judge.Misconfigured
		}
		if h.judged[rec.Check] != rec.State {
			panic("an answered that says otherwise than its answers")
		}
		if h.verdict(rec.Check) == judge.Unhealthy && c.Action != task.NoAction {
			h.sick = true
			r.misjudged = r.misjudged || c.Action == task.FailTask || rec.Process == ""
		}
	case Snoozed:
		r.wakeUp(at, func(s refSnooze) bool { return s.Process == rec.Process && s.Check == rec.Check })
		r.snoozes = append(r.snoozes, refSnooze{rec, at})
	case Unsnoozed:
		all := rec.Process == "" && rec.Check == "" && rec.By != ""
		r.wakeUp(at, func(s refSnooze) bool { return all || s.Process == rec.Process && s.Check == rec.Check })
	}
}

// wakeUp ends snoozes; while they lasted nobody was late to be healthy.
func (r *reference) wakeUp(at int64, over func(refSnooze) bool) {
	for _, s := range r.snoozes {
		for _, p := range r.procs {
			run := p.live()
			if over(s) && run != nil && run.started != nil && r.awaits(p, task.WhenHealthy) && !run.wasHealthy && p.dozes(s) {
				run.stood += max(0, at-max(s.at, *run.started))
			}
		}
	}
	r.snoozes = slices.DeleteFunc(r.snoozes, over)
}

func (p *refProcess) dozes(s refSnooze) bool {
	return slices.ContainsFunc(p.def.Checks, func(c task.Check) bool { return s.covers(CheckID{p.def.Name, c.Name}) })
}

func (r *reference) awaits(p *refProcess, when task.When) bool {
	for _, list := range r.edges {
		if slices.ContainsFunc(list, func(e task.Edge) bool { return e.Process == p.def.Name && e.When == when }) {
			return true
		}
	}
	return false
}

// late is what a run was to be by now, and has not been; "" if nobody waits.
func (r *reference) late(p *refProcess, now int64) bool {
	run := p.live()
	unready := r.awaits(p, task.WhenReady) && !run.ready
	unhealthy := r.awaits(p, task.WhenHealthy) && !run.wasHealthy && !slices.ContainsFunc(r.snoozes, p.dozes)
	return (unready || unhealthy) && *run.started+int64(p.def.ReadyTimeout)+run.stood <= now
}

// look notes after each record what later ones may have undone.
func (r *reference) look() {
	for _, p := range r.procs {
		if run := p.live(); run != nil {
			run.wasHealthy = run.wasHealthy || p.allHealthy()
			run.bereft = run.bereft || r.lost(p, task.LostRestart)
		}
	}
}

// lost says that an edge is not satisfied which has that on_lost.
func (r *reference) lost(p *refProcess, how task.OnLost) bool {
	return slices.ContainsFunc(p.edges, func(e task.Edge) bool { return e.OnLost == how && !r.satisfied(e) })
}

// dismissed is the cause for which a run cannot go on, as far as checks and lost
// edges say so.
func (r *reference) dismissed(p *refProcess) (Cause, bool) {
	run := p.live()
	switch {
	case run == nil || r.paused || p.def.Final:
		return "", false
	case run.sick:
		return CauseHealth, true
	}
	return CauseLost, r.lost(p, task.LostStop) || run.bereft && !r.lost(p, task.LostRestart)
}

func (r *reference) unsnoozings(now int64) []Record {
	var records []Record
	for _, s := range r.snoozes {
		if s.Until.Boot <= now {
			records = append(records, Unsnoozed{Process: s.Process, Check: s.Check})
		}
	}
	return records
}

// asking is Asking.
func (r *reference) asking() []Asked {
	if r.phase != Active || r.paused || r.kill != nil || r.misjudged {
		return nil
	}
	var all []Asked
	add := func(process string, run int, name string) {
		id := CheckID{process, name}
		snoozed := slices.ContainsFunc(r.snoozes, func(s refSnooze) bool { return s.covers(id) })
		all = append(all, Asked{id, run, snoozed})
	}
	begun := false
	r.each(false, func(p *refProcess) {
		begun = begun || slices.ContainsFunc(p.runs, (*refRun).begun)
		run := p.live()
		if run == nil || run.started == nil || run.epoch < r.epoch || run.parting != nil || run.stop != nil || run.killed || run.sick {
			return
		}
		startingUp := slices.ContainsFunc(p.def.Checks, func(c task.Check) bool { return c.Role == task.Startup && run.verdict(c.Name) != judge.Healthy })
		for _, c := range p.def.Checks {
			if (c.Role == task.Startup) == startingUp {
				add(p.def.Name, len(p.runs)-1, c.Name)
			}
		}
	})
	if begun && r.task.Check != nil {
		add("", 0, r.task.Check.Name)
	}
	return all
}

func (r *refRun) begun() bool {
	return r.started != nil || r.end != nil && (r.end.Exit != nil || r.end.Signal != 0)
}

// aCheck draws a check.
func aCheck(t *rapid.T, name string, role task.Role, actions ...task.Action) task.Check {
	c := task.DefaultCheck()
	c.Name, c.Role, c.Action, c.Interval = name, role, one(t, "action", actions), 1e9
	c.InitialInterval = task.Duration(draw(t, "grace", 0, 2)) * 1e9
	c.MaxConsecutiveFailures, c.MinConsecutiveSuccesses = draw(t, "failures", 0, 2), draw(t, "successes", 1, 2)
	c.MaxInconclusive, c.InconclusiveFor = draw(t, "doubts", 1, 3), 2e9
	return c
}

// someChecks draws those of a process.
func someChecks(t *rapid.T) []task.Check {
	var checks []task.Check
	if draw(t, "liveness", 0, 2) == 0 {
		checks = append(checks, aCheck(t, "live", task.Liveness, task.Restart, task.Restart, task.NoAction, task.FailTask))
	}
	if draw(t, "readiness", 0, 2) == 0 {
		checks = append(checks, aCheck(t, "ready", task.Readiness, task.NoAction))
	}
	if draw(t, "startup", 0, 4) == 0 {
		checks = append(checks, aCheck(t, "up", task.Startup, task.Restart, task.NoAction))
	}
	return checks
}

// answer lets a check be answered, of those that are asked or of any run.
func (w *world) answer() {
	asked := w.m.Asking()
	if want := refer(w.task, w.entries, w.m.full).asking(); !reflect.DeepEqual(asked, want) {
		w.t.Fatalf("the machine asks\n%v, the reference\n%v\nafter\n%s", asked, want, w.story())
	}
	if len(asked) == 0 {
		return
	}
	a := one(w.t, "asked", asked)
	id, run := a.CheckID, a.Run
	outcome := one(w.t, "outcome", []judge.Outcome{judge.OK, judge.OK, judge.OK, judge.OK, judge.Fail, judge.Fail, judge.Inconclusive, judge.Snoozed})
	if draw(w.t, "wrong", 0, 100) == 0 {
		outcome = judge.Misconfigured
	}
	for range draw(w.t, "times", 1, 4) {
		w.gathered[a] = append(w.gathered[a], Answer{At: w.instant(), Outcome: outcome, Reason: "r"})
		if late := w.late(id, run); late {
			w.t.Fatalf("an answer to %s of a run before %d is recorded", id, run)
		}
		if r, ok := w.m.Consider(id, run, w.gathered[a]...); ok {
			delete(w.gathered, a)
			w.write(r)
			w.settle()
		}
	}
}

// askedAnew insists that nobody need look at Asking while AskingChanged is the same.
func (w *world) askedAnew() {
	if n, asked := w.m.AskingChanged(), w.m.Asking(); n != w.known || w.anew {
		w.known, w.knows, w.anew = n, asked, false
	} else if !reflect.DeepEqual(asked, w.knows) {
		w.t.Fatalf("AskingChanged stays %d, and yet the machine asks\n%v, not\n%v\nafter\n%s", n, asked, w.knows, w.story())
	}
}

// late says that an answer counts of a run that is over.
func (w *world) late(id CheckID, run int) bool {
	if run == 0 {
		return false
	}
	_, ok := w.m.Consider(id, run-1, Answer{At: w.instant(), Outcome: judge.Fail})
	return ok
}

// snooze asks for a snooze, or for its end.
func (w *world) snooze() {
	id := CheckID{}
	p := one(w.t, "process", append([]task.Process{{}}, w.task.Processes...))
	if len(p.Checks) > 0 {
		id.Process = p.Name
		id.Check = one(w.t, "check", []string{"", p.Checks[0].Name})
	}
	var r Record = Unsnoozed{Process: id.Process, Check: id.Check, By: "p"}
	if draw(w.t, "unsnooze", 0, 2) > 0 {
		r = Snoozed{Process: id.Process, Check: id.Check, Until: Instant{Boot: w.now + int64(draw(w.t, "for", 1, 9))*1e9}, By: "p", Reason: "r"}
	}
	if d, err := w.m.Ask(r); err == nil {
		w.write(d.Record)
	}
}

// patients draws a task of daemons that depend on each other's health, and easily
// lose it.
func patients(t *rapid.T) task.Task {
	def := task.Task{Name: "t", FinalizationWait: 5e9}
	for i := range draw(t, "processes", 2, 4) {
		p := task.DefaultProcess()
		p.Name, p.Daemon, p.MaxFailures, p.MinDuration = fmt.Sprintf("p%d", i), true, 0, 0
		p.ReadyTimeout, p.StopTimeout = task.Duration(draw(t, "ready_timeout", 0, 15))*1e9, 2e9
		p.Checks = []task.Check{aCheck(t, "live", task.Liveness, task.Restart, task.NoAction)}
		p.Checks[0].InitialInterval, p.Checks[0].MinConsecutiveSuccesses = 0, 1
		for j := range i {
			if draw(t, "edge", 0, 2) > 0 {
				when := one(t, "when", []task.When{task.WhenReady, task.WhenHealthy, task.WhenHealthy})
				p.After = append(p.After, task.Edge{Process: fmt.Sprintf("p%d", j), When: when, OnLost: one(t, "on_lost", []task.OnLost{task.LostIgnore, task.LostStop, task.LostRestart, task.LostRestart})})
			}
		}
		def.Processes = append(def.Processes, p)
	}
	return def
}

// As TestProperties, of tasks in which nearly everything depends on checks.
func TestPropertiesOfChecks(t *testing.T) {
	for range 2 * soak(t) {
		rapid.Check(t, func(t *rapid.T) { lead(t, patients(t), 150).finish() })
	}
}

// anyCheck is a record of checks that may make sense or not.
func anyCheck(t *rapid.T, id task.RunID, boot int64) Record {
	check := CheckID{one(t, "whose", []string{id.Process, id.Process, ""}), one(t, "check", []string{"live", "ready", "up", "health", ""})}
	switch draw(t, "record of checks", 0, 3) {
	case 0:
		return Snoozed{Process: check.Process, Check: check.Check, Until: Instant{Boot: boot}}
	case 1:
		return Unsnoozed{Process: check.Process, Check: check.Check, By: one(t, "by", []string{"", "p"})}
	}
	r := Answered{CheckID: check, Run: id.Run, State: judge.State{
		Verdict: one(t, "verdict", []judge.Verdict{judge.Starting, judge.Healthy, judge.Unhealthy, "x"}), Failures: draw(t, "failed", -1, 3)}}
	for range draw(t, "answers", 0, 12) {
		r.Answers = append(r.Answers, Answer{At: Instant{Boot: boot}, Outcome: one(t, "outcome", []judge.Outcome{judge.OK, judge.Fail, judge.Misconfigured, "x"})})
	}
	return r
}
