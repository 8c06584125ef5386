package machine

import (
	"errors"
	"fmt"

	"github.com/dewarhq/dewar/task"
)

const journalFormat = 1

// legal says what is wrong with a record here. It asks only what must hold for
// the fold to make sense, not whether Decide would have proposed the record: a
// journal may have been written by a version with other rules.
func (m *Machine) legal(r Record) error {
	if _, ignored := r.(Unknown); ignored {
		return nil
	}
	if rest, ok := r.(SnapshotRest); ok || m.rest > 0 {
		return m.legalRest(rest, ok)
	}
	if m.Phase() == "" {
		return m.legalFirst(r)
	}
	if _, ok := r.(TakenUp); ok {
		return nil
	}
	if m.terminal() {
		return errors.New("the task has finished")
	}
	switch r := r.(type) {
	case Created, Snapshot:
		return errors.New("the journal has begun already")
	case KillAsked:
		return nil
	case Gathered:
		return m.legalGathered(r)
	case RestartAsked, StopAsked, StartAsked, SignalAsked:
		return m.legalRequest(r)
	case Answered, Snoozed, Unsnoozed:
		return m.legalCheck(r)
	case ResizeAsked, PauseAsked, UnpauseAsked, OverDisk, Denied, Unkillable:
		return m.legalSandbox(r)
	case Calling, Called, Parted, PreStopping, PreStopped:
		return m.legalFarewell(r)
	case Forking, Started, Ready, Thinned, Stopping, Killing, Ended, Emptied:
		return m.legalRun(r)
	default:
		return m.legalPhase(r)
	}
}

func (m *Machine) legalFirst(r Record) error {
	switch r := r.(type) {
	case Created:
		if r.Format != journalFormat {
			return fmt.Errorf("the journal has format %d, and this version reads %d", r.Format, journalFormat)
		}
		return nil
	case Snapshot:
		return m.legalSnapshot(r)
	}
	return errors.New("a journal begins with a created record or a snapshot")
}

// legalRun is for the records of one run.
func (m *Machine) legalRun(r Record) error {
	switch r := r.(type) {
	case Forking:
		return m.legalFork(r.RunID)
	case Started:
		return m.legalIn(r.RunID, Forked)
	case Ready:
		if err := m.legalIn(r.RunID, Running); err != nil {
			return err
		}
		if _, run := m.find(r.RunID); run.Ready != (Instant{}) {
			return fmt.Errorf("run %s was ready before", r.RunID)
		}
	case Stopping:
		if r.Signal.Number() == 0 {
			return fmt.Errorf("there is no signal %s", task.Quote(string(r.Signal)))
		}
		return m.legalStop(r.RunID, func(run *Run) bool { return run.Stop != nil },
			func(run *Run) bool { return run.LeftStop != nil }, "told to stop")
	case Killing:
		return m.legalStop(r.RunID, func(run *Run) bool { return run.Kill != "" },
			func(run *Run) bool { return run.LeftKill != "" }, "killed")
	case Thinned:
		return m.legalLive(r.RunID)
	case Ended:
		return m.legalEnd(r)
	case Emptied:
		if _, run := m.find(r.RunID); run == nil || run.Left == 0 {
			return fmt.Errorf("run %s has left nothing behind", r.RunID)
		}
	}
	return nil
}

func (m *Machine) legalFork(id task.RunID) error {
	p, _ := m.find(id)
	switch {
	case p == nil:
		return fmt.Errorf("there is no process %s", task.Quote(id.Process))
	case !m.current(p):
		return fmt.Errorf("process %s is not run while the task is %s", task.Quote(id.Process), m.Phase())
	case p.def.Final && !m.Swept:
		return errors.New("what the ordinary processes left behind is not cleared yet")
	case m.Clearing:
		return errors.New("everything is being killed")
	case p.live() != nil:
		return fmt.Errorf("run %s lives", p.id(p.live()))
	case p.over != "":
		return fmt.Errorf("process %s is %s", task.Quote(id.Process), p.over)
	case id.Run != p.runs:
		return fmt.Errorf("the next run of process %s is %d, not %d", task.Quote(id.Process), p.runs, id.Run)
	case len(p.strays) > 0 && !p.def.Leave:
		return fmt.Errorf("what run %s left behind still lives", p.id(p.strays[0]))
	}
	return nil
}

// legalIn says that a run is to be in the given state.
func (m *Machine) legalIn(id task.RunID, state RunState) error {
	_, run := m.find(id)
	if run == nil {
		return fmt.Errorf("there is no run %s", id)
	}
	if run.State != state {
		return fmt.Errorf("run %s is %s, not %s", id, run.State, state)
	}
	return nil
}

// legalStop says that a run, or what it left behind, lives and was not told
// the same before.
func (m *Machine) legalStop(id task.RunID, told, leftTold func(*Run) bool, what string) error {
	_, run := m.find(id)
	switch {
	case run == nil:
		return fmt.Errorf("there is no run %s", id)
	case !run.Live() && run.Left == 0:
		return fmt.Errorf("nothing of run %s lives", id)
	case run.Live() && told(run), !run.Live() && leftTold(run):
		return fmt.Errorf("run %s was %s before", id, what)
	}
	return nil
}

// legalLive says that a run has not ended.
func (m *Machine) legalLive(id task.RunID) error {
	_, run := m.find(id)
	switch {
	case run == nil:
		return fmt.Errorf("there is no run %s", id)
	case !run.Live():
		return fmt.Errorf("run %s has ended before", id)
	}
	return nil
}

func (m *Machine) legalEnd(r Ended) error {
	if err := m.legalLive(r.RunID); err != nil {
		return err
	}
	switch r.State {
	case RunSuccess, RunFailed, RunKilled, RunLost:
		return nil
	}
	return fmt.Errorf("run %s ends as %s, which is no end", r.RunID, task.Quote(string(r.State)))
}

// legalPhase is for the records of the task's own course.
func (m *Machine) legalPhase(r Record) error {
	phase := m.Phase()
	switch r := r.(type) {
	case Cleaning:
		if phase != Active {
			return fmt.Errorf("the task is %s", phase)
		}
		switch r.Result {
		case Success, Failed, Killed, Lost:
			return nil
		}
		return fmt.Errorf("%s is no result", task.Quote(string(r.Result)))
	case Finalizing:
		if phase != StateCleaning || m.Clearing {
			return fmt.Errorf("the task is %s", phase)
		}
		return m.nothingLives()
	case Clearing:
		if phase == Active || m.Clearing {
			return fmt.Errorf("the task is %s, or is being cleared already", phase)
		}
		return nil
	case Cleared:
		if !m.Clearing {
			return errors.New("nothing is being cleared")
		}
		return m.nothingLives()
	case Finished:
		if !m.Cleared || m.Clearing || r.State != m.Result {
			return fmt.Errorf("the task's result is %s, and it must have been cleared after the last start", task.Quote(string(m.Result)))
		}
		return m.nothingLives()
	}
	return fmt.Errorf("%T is no record", r)
}

// nothingLives is an error that names a live run if there is one.
func (m *Machine) nothingLives() error {
	if m.plans[ordinary].live+m.plans[final].live == 0 {
		return nil
	}
	return fmt.Errorf("run %s lives", m.Live()[0])
}
