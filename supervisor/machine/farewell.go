package machine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dewarhq/dewar/task"
)

// What comes before a stop signal; the rules are in the package's comment.

// parting says that the run's pre_stop was begun, and that its stop signal was
// not decided upon yet.
func (r *Run) parting() bool {
	return r.PreStop != nil && r.Stop == nil && r.Kill == "" && r.Live()
}

// leaving says that the run is being stopped: its pre_stop, its stop signal or
// its kill was decided upon.
func (r *Run) leaving() bool { return r.PreStop != nil || r.Stop != nil || r.Kill != "" }

// cutPreStop ends a pre_stop that is not over when the stop signal comes.
func (r *Run) cutPreStop() {
	if r.PreStop != nil && !r.PreStop.Over {
		r.PreStop.Over, r.PreStop.Failure = true, "it did not end within its time"
	}
}

// partBy is when a parting run gets its stop signal.
func (r *Run) partBy() int64 {
	if r.PreStop.Over {
		return past
	}
	return r.PreStop.By
}

// StoppedFor is the rule by which the run was told to stop first, "" if it was
// not.
func (r *Run) StoppedFor() Cause {
	switch {
	case r.PreStop != nil:
		return r.PreStop.Cause
	case r.Stop != nil:
		return r.Stop.Cause
	}
	return ""
}

// leastWait is how long a call's answer is waited for, however short the wait
// that follows it: a request takes its time.
const leastWait = int64(1e9)

// share is a span of a step before the signal: at most half of what is left of
// the budget, so that there is always time for the signal.
func (m *Machine) share(now, span int64) int64 {
	by := later(now, task.Duration(span))
	if m.Phase() == Active {
		return by
	}
	return min(by, now+max(0, m.Budget-now)/2)
}

// lifecycle are the steps that the task asks for.
func lifecycle(t *task.Task) []lifecycleStep {
	if t.Lifecycle == nil || t.Lifecycle.HTTP == nil {
		return nil
	}
	h := t.Lifecycle.HTTP
	steps := []lifecycleStep{
		{GracefulShutdown, h.GracefulEndpoint, h.GracefulShutdownWait},
		{Shutdown, h.ShutdownEndpoint, h.ShutdownWait},
	}
	return slices.DeleteFunc(steps, func(s lifecycleStep) bool { return s.endpoint == "" })
}

type lifecycleStep struct {
	step     Step
	endpoint string
	wait     task.Duration
}

// callsFirst says that the stop signals wait for the life-cycle calls.
func (m *Machine) callsFirst() bool {
	return m.Phase() == StateCleaning && !m.Clearing && !m.Parted && len(m.steps) > 0
}

// calling makes the next life-cycle call, or ends them.
func (m *Machine) calling(now int64) []Decision {
	n := len(m.Calls)
	switch {
	case !m.callsFirst(), n > 0 && m.Calls[n-1].until() > now:
		return nil
	case n >= len(m.steps):
		return []Decision{{Record: Parted{}}}
	}
	s := m.steps[n]
	c := Calling{Step: s.step, By: m.share(now, int64(s.wait)), AnswerBy: m.share(now, max(leastWait, int64(s.wait)))}
	return []Decision{{c, m.callOf(c)}}
}

func (m *Machine) callOf(c Calling) Call {
	act := Call{Step: c.Step, Port: m.task.Lifecycle.HTTP.Port, By: c.AnswerBy}
	for _, s := range m.steps {
		if s.step == c.Step {
			act.Endpoint = s.endpoint
		}
	}
	return act
}

// callBy is when time alone brings the next life-cycle call, or ends them; 0:
// there is none.
func (m *Machine) callBy() int64 {
	if n := len(m.Calls); n > 0 && m.callsFirst() {
		return m.Calls[n-1].until()
	}
	return 0
}

// outstandingCall is a call that may not have been made.
func (m *Machine) outstandingCall(acts []Act) []Act {
	if n := len(m.Calls); n > 0 && m.callsFirst() && !m.Calls[n-1].Over {
		acts = append(acts, m.callOf(m.Calls[n-1].Calling))
	}
	return acts
}

// preStop does first what a run is to get before its stop signal; ok is false
// if that was done, or there is nothing.
func (m *Machine) preStop(p *process, run *Run, cause Cause, now int64) (d Decision, ok bool) {
	if p.def.PreStop == nil || run.State != Running || run.PreStop != nil {
		return Decision{}, false
	}
	id, by := p.id(run), m.share(now, int64(p.def.PreStop.Timeout))
	return Decision{PreStopping{RunID: id, Cause: cause, By: by}, PreStop{id, by}}, true
}

func (m *Machine) legalFarewell(r Record) error {
	switch r := r.(type) {
	case Calling:
		switch {
		case m.Phase() != StateCleaning || m.Clearing || m.Parted:
			return fmt.Errorf("the task is %s, is being cleared, or its calls are over", m.Phase())
		case !m.hasStep(r.Step) || m.call(r.Step) != nil:
			return fmt.Errorf("step %s is none of the task, or was made before", task.Quote(string(r.Step)))
		}
	case Called:
		if c := m.call(r.Step); c == nil || c.Over {
			return fmt.Errorf("no call of step %s waits for an answer", task.Quote(string(r.Step)))
		}
	case Parted:
		if m.Phase() != StateCleaning || m.Parted {
			return errors.New("the task makes no life-cycle calls")
		}
	case PreStopping:
		if err := m.legalIn(r.RunID, Running); err != nil {
			return err
		}
		if _, run := m.find(r.RunID); run.leaving() {
			return fmt.Errorf("run %s is being stopped already", r.RunID)
		}
	case PreStopped:
		if err := m.legalLive(r.RunID); err != nil {
			return err
		}
		if _, run := m.find(r.RunID); run.PreStop == nil || run.PreStop.Over {
			return fmt.Errorf("no pre_stop of run %s is being done", r.RunID)
		}
	}
	return nil
}

func (m *Machine) hasStep(step Step) bool {
	return slices.ContainsFunc(m.steps, func(s lifecycleStep) bool { return s.step == step })
}

// call is the call of a step that was made, nil if it was not.
func (m *Machine) call(step Step) *LifecycleCall {
	for i := range m.Calls {
		if m.Calls[i].Step == step {
			return &m.Calls[i]
		}
	}
	return nil
}

func (m *Machine) foldFarewell(r Record) {
	switch r := r.(type) {
	case Calling:
		m.Calls = append(m.Calls, LifecycleCall{Calling: r, At: m.at, Endpoint: m.callOf(r).Endpoint})
	case Called:
		c := m.call(r.Step)
		c.Over, c.Heard, c.Said = true, r.Heard, r.Said
	case Parted:
		m.Parted = true
		m.restandAll()
	case PreStopping:
		_, run := m.find(r.RunID)
		run.PreStop = &Parting{Cause: r.Cause, By: r.By, At: m.at}
		m.changed(m.index[r.Process])
	case PreStopped:
		_, run := m.find(r.RunID)
		run.PreStop.Over, run.PreStop.Failure = true, r.Failure
		m.changed(m.index[r.Process])
	}
}

// hasten shortens what is being waited for before a signal to half of what is
// left of the budget, which has just been set or shortened.
func (m *Machine) hasten() {
	if m.Phase() == Active {
		return
	}
	by := m.at.Boot + max(0, m.Budget-m.at.Boot)/2
	if n := len(m.Calls); n > 0 && m.callsFirst() {
		c := &m.Calls[n-1]
		c.By, c.AnswerBy = min(c.By, by), min(c.AnswerBy, by)
	}
	for i := m.alive.next(0); i >= 0; i = m.alive.next(i + 1) {
		if run := m.procs[i].live(); run != nil && run.parting() && run.PreStop.By > by {
			run.PreStop.By = by
			m.restand(i)
		}
	}
}
