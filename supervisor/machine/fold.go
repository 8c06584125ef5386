package machine

import (
	"math"

	"github.com/dewarhq/dewar/task"
)

// fold does what a legal record says.
func (m *Machine) fold(at Instant, r Record) {
	m.at = at
	m.Records++
	if m.checked {
		m.reask(r)
	}
	switch r := r.(type) {
	case Unknown:
		m.unknown = r.Type
	case Snapshot:
		m.restore(r)
	case SnapshotRest:
		m.Records--
		m.restoreRest(r)
	case Created:
		m.ID, m.Name, m.Created = r.ID, r.Name, at
		m.enter(Active)
	case TakenUp:
		m.takeUp(r)
	case KillAsked:
		m.askKill(r)
	case Cleaning:
		m.clean(r)
	case Finalizing:
		m.enter(StateFinalizing)
	case Clearing:
		m.Clearing = true
		m.restandAll()
	case Cleared:
		m.clear()
	case Finished:
		m.Reason = r.Reason
		m.enter(r.State)
	case RestartAsked, StopAsked, StartAsked, SignalAsked:
		m.foldRequest(r)
	case Gathered:
		m.gathered(r)
	case Answered, Snoozed, Unsnoozed:
		m.foldCheck(r)
	case ResizeAsked, PauseAsked, UnpauseAsked, OverDisk, Denied, Unkillable:
		m.foldSandbox(r)
	case Calling, Called, Parted, PreStopping, PreStopped:
		m.foldFarewell(r)
	default:
		m.foldRun(r)
	}
}

// enter brings the task into a state.
func (m *Machine) enter(s TaskState) {
	m.Stage, m.Since = s, m.at
	m.restandAll()
}

// takeUp notes a brain. In another boot nothing of the earlier one lives, and
// all its times are past.
func (m *Machine) takeUp(r TakenUp) {
	m.Undead = nil // whoever takes the task up finds out anew
	reboot := m.Brain != nil && m.Brain.BootID != r.BootID
	if reboot {
		m.Snoozes, m.Checks = nil, begunAnew(m.Checks)
	}
	m.Brain = &Brain{TakenUp: r, At: m.at}
	if !reboot {
		return
	}
	if m.Budget != 0 {
		m.Budget = past
	}
	for i := range m.Calls {
		m.Calls[i].By, m.Calls[i].AnswerBy = past, past
	}
	for i := range m.procs {
		p := &m.procs[i]
		p.floor = 0
		for len(p.strays) > 0 {
			p.leaves(p.strays[0], 0)
		}
		if run := p.live(); run != nil {
			p.oldBoot = true
			if run.Stop != nil {
				run.Stop.By = past
			}
			if run.PreStop != nil {
				run.PreStop.By = past
			}
		}
	}
	m.restandAll()
}

// askKill sets the budget, or shortens it. The first kill decides how the task
// ends, and no kill does so once that is decided.
func (m *Machine) askKill(r KillAsked) {
	m.unpause()
	if m.Kill == nil {
		m.Kill = &AskedKill{KillAsked: r, At: m.at}
	}
	deadline := max(past, later(m.at.Boot, r.Grace))
	if m.Budget == 0 || deadline < m.Budget {
		m.Budget = deadline
		m.hasten()
	}
}

func (m *Machine) clean(r Cleaning) {
	m.unpause()
	m.Result, m.Reason, m.Budget = r.Result, r.Reason, max(past, r.By)
	for i := range m.procs {
		m.procs[i].again = false
	}
	m.enter(StateCleaning)
	m.hasten()
}

// clear notes that nothing of the task lives.
func (m *Machine) clear() {
	m.Clearing, m.Cleared = false, true
	m.Swept = true
	m.Undead = nil
	for i := range m.procs {
		p := &m.procs[i]
		for len(p.strays) > 0 {
			p.leaves(p.strays[0], 0)
		}
	}
	m.restandAll()
}

// foldRun is for the records of one run.
func (m *Machine) foldRun(r Record) {
	var id task.RunID
	switch r := r.(type) {
	case Forking:
		id = r.RunID
		p := &m.procs[m.index[id.Process]]
		p.fork(m.at)
		p.live().Bereft = p.lost[restarted] > 0
		m.planOf(p).started++
		m.Cleared = false
	case Started:
		id = r.RunID
		p, run := m.find(id)
		run.State, run.Pid, run.Start, run.Started = Running, r.Pid, r.Start, m.clocked(r.At)
		p.started = true
	case Ready:
		id = r.RunID
		_, run := m.find(id)
		run.Ready = m.at
	case Thinned:
		id = r.RunID
		_, run := m.find(id)
		run.Thinned = &Thinning{r.OOM, m.at}
	case Stopping:
		id = r.RunID
		_, run := m.find(id)
		run.stop(Stopped{Cause: r.Cause, Signal: r.Signal, By: r.By, At: m.at})
	case Killing:
		id = r.RunID
		_, run := m.find(id)
		run.kill(r.Cause)
	case Ended:
		id = r.RunID
		p, run := m.find(id)
		m.end(p, run, r)
	case Emptied:
		id = r.RunID
		p, run := m.find(id)
		p.leaves(run, 0)
	}
	m.changed(m.index[id.Process])
}

// clocked is a time by the shim's clock, or now if it is absent or still to
// come.
func (m *Machine) clocked(at Instant) Instant {
	if at == (Instant{}) || at.Boot > m.at.Boot {
		return m.at
	}
	return at
}

func (r *Run) stop(s Stopped) {
	if r.Live() {
		r.Stop = &s
		r.cutPreStop()
	} else {
		r.LeftStop = &s
	}
}

func (r *Run) kill(cause Cause) {
	if cause == "" {
		cause = CauseKill
	}
	if r.Live() {
		r.Kill = cause
	} else {
		r.LeftKill = cause
	}
}

// later is a boot time plus a span; a negative span is none.
func later(boot int64, d task.Duration) int64 {
	if d <= 0 {
		return boot
	}
	if boot > math.MaxInt64-int64(d) {
		return math.MaxInt64
	}
	return boot + int64(d)
}
