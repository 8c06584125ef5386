package machine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/task"
)

// Life-cycle calls and pre_stop: in transcripts, in the reference, in the world.

// lifecycle is of lifecycle=5s/5s.
func (w words) lifecycle() *task.Lifecycle {
	v, ok := w.options["lifecycle"]
	if !ok {
		return nil
	}
	graceful, shutdown, _ := strings.Cut(v, "/")
	return &task.Lifecycle{HTTP: &task.HTTPLifecycle{
		Port: "health", GracefulEndpoint: "/quitquitquit", GracefulShutdownWait: span(graceful),
		ShutdownEndpoint: "/abortabortabort", ShutdownWait: span(shutdown),
	}}
}

// farewell is "called graceful_shutdown heard", or "prestopped web".
func (s *stage) farewell(w words) Record {
	switch w.verb {
	case "called":
		r := Called{Step: Step(strings.ReplaceAll(w.args[0], "_", " ")), Heard: w.has("heard"), Said: "was answered 404"}
		if r.Heard {
			r.Said = "was answered 200"
		}
		return r
	case "prestopped":
		return PreStopped{s.run(w.args[0]), w.options["failure"]}
	}
	return nil
}

func showFarewell(s *stage, r Record) string {
	switch r := r.(type) {
	case Calling:
		return fmt.Sprintf(" %s, waits until %s, for the answer until %s", r.Step, s.clock(r.By), s.clock(r.AnswerBy))
	case Called:
		return fmt.Sprintf(" %s: it %s, heard: %v", r.Step, r.Said, r.Heard)
	case PreStopping:
		return fmt.Sprintf(" %s (%s), until %s", r.RunID, r.Cause, s.clock(r.By))
	case PreStopped:
		if r.Failure != "" {
			return fmt.Sprintf(" %s: %s", r.RunID, r.Failure)
		}
		return " " + r.RunID.String()
	}
	return ""
}

// refCall is a call that was made.
type refCall struct {
	wait, answer moment
	over, heard  bool
}

func (r *reference) readFarewell(at int64, rec Record) {
	switch rec := rec.(type) {
	case Calling:
		r.calls = append(r.calls, refCall{wait: moment{r.epoch, rec.By}, answer: moment{r.epoch, rec.AnswerBy}})
	case Called:
		c := &r.calls[len(r.calls)-1]
		if steps := r.steps(); len(r.calls) > 1 && steps[0] == rec.Step {
			c = &r.calls[0]
		}
		c.over, c.heard = true, rec.Heard
	case Parted:
		r.parted = true
	case PreStopping:
		run := r.run(rec.RunID)
		run.parting, run.cause = &moment{r.epoch, rec.By}, rec.Cause
	case PreStopped:
		if run := r.run(rec.RunID); run.stop == nil {
			run.parting = &moment{-1, 0}
		}
	}
}

// steps are the calls that the task asks for.
func (r *reference) steps() []Step {
	if r.task.Lifecycle == nil {
		return nil
	}
	if r.task.Lifecycle.HTTP.GracefulEndpoint == "" {
		return []Step{Shutdown}
	}
	return []Step{GracefulShutdown, Shutdown}
}

// calling says that signals wait for calls.
func (r *reference) calling() bool {
	return r.phase == StateCleaning && !r.clearing && len(r.steps()) > 0 && !r.parted
}

// half is a time, but at most that at which half of what is left of the budget
// is over.
func (r *reference) half(now, by int64) int64 {
	if r.phase == Active {
		return by
	}
	left := int64(0)
	if !r.budget.passed(r.epoch, now) {
		left = r.budget.boot - now
	}
	return min(by, now+left/2)
}

// hasten is half for what is under way.
func (r *reference) hasten(at int64) {
	if r.phase == Active {
		return
	}
	if n := len(r.calls); n > 0 && r.calling() && r.calls[n-1].answer.epoch == r.epoch {
		c := &r.calls[n-1]
		c.wait.boot, c.answer.boot = r.half(at, c.wait.boot), r.half(at, c.answer.boot)
	}
	for _, p := range r.procs {
		if run := p.live(); run != nil && run.parting != nil && run.stop == nil && run.parting.epoch == r.epoch {
			run.parting.boot = r.half(at, run.parting.boot)
		}
	}
}

// callings is what is decided about calls.
func (r *reference) callings(now int64) []Record {
	steps := r.steps()
	if !r.calling() {
		return nil
	}
	if n := len(r.calls); n > 0 {
		switch c := r.calls[n-1]; {
		case !c.over && !c.answer.passed(r.epoch, now), c.over && c.heard && !c.wait.passed(r.epoch, now):
			return nil
		}
	}
	if len(r.calls) == len(steps) {
		return []Record{Parted{}}
	}
	step, h := steps[len(r.calls)], r.task.Lifecycle.HTTP
	wait := int64(h.ShutdownWait)
	if step == GracefulShutdown {
		wait = int64(h.GracefulShutdownWait)
	}
	return []Record{Calling{step, r.half(now, now+wait), r.half(now, now+max(wait, 1e9))}}
}

// parting is a run whose pre_stop is being done, nil if there is none.
func (w *world) parting() *task.RunID {
	for _, id := range w.m.Live() {
		if run, _ := w.m.Run(id); run.PreStop != nil && !run.PreStop.Over {
			return &id
		}
	}
	return nil
}

// farewell lets a call or a pre_stop be answered, perhaps too late.
func (w *world) farewell() {
	if id := w.parting(); id != nil {
		w.write(PreStopped{*id, one(w.t, "failure", []string{"", "no"})})
		return
	}
	for _, c := range w.m.State().Calls {
		if !c.Over {
			heard := draw(w.t, "heard", 0, 2) > 0
			w.write(Called{c.Step, heard, "was answered"})
			return
		}
	}
}

// A reason of any length, as an older journal may have, is one that an environment
// takes.
func TestStopReasonIsBounded(t *testing.T) {
	m := New(wide(1, 0))
	for _, r := range []Record{
		Created{Format: 1}, TakenUp{BootID: "a"},
		KillAsked{Grace: 60e9, By: "somebody"}, Cleaning{Result: Killed, Reason: "killed by somebody: " + strings.Repeat("ä", 1<<19), By: 70e9},
	} {
		if err := m.Apply(Instant{Boot: 10e9}, r); err != nil {
			t.Fatal(err)
		}
	}
	got := m.StopReason(task.RunID{})
	if !strings.HasPrefix(got, "the task is ") || !strings.Contains(got, "killed by somebody: ää") || !strings.HasSuffix(got, "ä…") || len(got) > 1<<10 {
		t.Errorf("the reason has %d bytes: %.60q…", len(got), got)
	}
}
