package machine

import (
	"errors"
	"fmt"

	"github.com/dewarhq/dewar/task"
)

// Ask answers a person's request: a KillAsked, RestartAsked, StopAsked,
// StartAsked, ResizeAsked, PauseAsked, UnpauseAsked, Snoozed, Unsnoozed or SignalAsked
// (whose Run is filled in). The error is a sentence for that person.
func (m *Machine) Ask(r Record) (Decision, error) {
	switch asked := r.(type) {
	case SignalAsked:
		return m.askSignal(asked)
	case KillAsked:
		if m.Phase() == "" || m.terminal() {
			return Decision{}, m.notActive()
		}
	case ResizeAsked, PauseAsked, UnpauseAsked:
		return m.askSandbox(r)
	case Snoozed, Unsnoozed:
		return m.askSnooze(r)
	case RestartAsked, StopAsked, StartAsked:
		if m.Phase() != Active {
			return Decision{}, m.notActive()
		}
		if m.Pause != nil {
			return Decision{}, errors.New("the task is paused by " + m.Pause.By + "; unpause it first")
		}
		if err := m.legalRequest(r); err != nil {
			return Decision{}, err
		}
	default:
		return Decision{}, fmt.Errorf("%T is no request", r)
	}
	return Decision{Record: r}, nil
}

func (m *Machine) askSignal(r SignalAsked) (Decision, error) {
	if m.Phase() == "" || m.terminal() {
		return Decision{}, m.notActive()
	}
	p, _ := m.find(task.RunID{Process: r.Process})
	if p == nil {
		return Decision{}, m.noProcess(r.Process)
	}
	run := p.live()
	if run == nil {
		return Decision{}, fmt.Errorf("process %s does not run", task.Quote(r.Process))
	}
	r.Run = run.Run
	if err := m.legalRequest(r); err != nil {
		return Decision{}, err
	}
	act := Signal{RunID: r.RunID, Signal: r.Signal, To: p.def.StopTo}
	return Decision{Record: r, Act: act}, nil
}

func (m *Machine) notActive() error {
	switch {
	case m.Phase() == "":
		return errors.New("the task has not begun")
	case m.terminal():
		return fmt.Errorf("the task has finished: it is %s", m.Phase())
	}
	return fmt.Errorf("the task is ending: it is %s", m.Phase())
}

func (m *Machine) noProcess(name string) error {
	names := make([]string, 0, len(m.procs))
	for i := range m.procs {
		names = append(names, m.procs[i].def.Name)
	}
	if n := task.Nearest(name, names); n != "" {
		return fmt.Errorf("there is no process %s; did you mean %s?", task.Quote(name), task.Quote(n))
	}
	return fmt.Errorf("there is no process %s", task.Quote(name))
}

// legalRequest says why a request about one process cannot be met.
func (m *Machine) legalRequest(r Record) error {
	switch r := r.(type) {
	case SignalAsked:
		return m.legalSignal(r)
	case RestartAsked:
		_, err := m.requested(r.Process)
		return err
	case StopAsked:
		p, err := m.requested(r.Process)
		switch {
		case err != nil:
			return err
		case p.over != "":
			return fmt.Errorf("process %s has %s", task.Quote(r.Process), p.over.verb())
		case p.heldBy != "":
			return fmt.Errorf("process %s is stopped already, by %s", task.Quote(r.Process), p.heldBy)
		}
	case StartAsked:
		p, err := m.requested(r.Process)
		if err == nil && p.heldBy == "" && p.live().stoppable() {
			return fmt.Errorf("process %s runs already", task.Quote(r.Process))
		}
		return err
	}
	return nil
}

func (m *Machine) legalSignal(r SignalAsked) error {
	p, run := m.find(r.RunID)
	switch {
	case p == nil:
		return m.noProcess(r.Process)
	case run == nil || !run.Live():
		return fmt.Errorf("run %s does not live", r.RunID)
	case r.Signal.Number() == 0:
		return fmt.Errorf("there is no signal %s", task.Quote(string(r.Signal)))
	}
	return nil
}

// requested is the process that a restart, stop or start names. These are for
// the ordinary plan while it runs.
func (m *Machine) requested(name string) (*process, error) {
	p, _ := m.find(task.RunID{Process: name})
	switch {
	case p == nil:
		return nil, m.noProcess(name)
	case m.Phase() != Active:
		return nil, m.notActive()
	case p.def.Final:
		return nil, fmt.Errorf("process %s is final: it runs when the task ends", task.Quote(name))
	}
	return p, nil
}

// foldRequest does what a person asked for.
func (m *Machine) foldRequest(r Record) {
	var name string
	switch r := r.(type) {
	case SignalAsked:
		name = r.Process
		_, run := m.find(r.RunID)
		run.ask(r.Signal)
	case RestartAsked:
		name = r.Process
		m.procs[m.index[name]].runAgain()
	case StartAsked:
		name = r.Process
		m.procs[m.index[name]].runAgain()
	case StopAsked:
		name = r.Process
		p := &m.procs[m.index[name]]
		p.heldBy, p.again = r.By, false
		if p.heldBy == "" {
			p.heldBy = "somebody"
		}
	}
	m.changed(m.index[name])
}

// runAgain lets the next run start at once, or as soon as the live run has ended.
func (p *process) runAgain() {
	p.heldBy, p.floor = "", 0
	switch {
	case p.live() != nil:
		p.again = true
	case p.over != "":
		p.revive()
	}
}

func (o Over) verb() string {
	if o == OverFailed {
		return "failed for good"
	}
	return "finished"
}
