package machine

import (
	"fmt"
	"slices"

	"github.com/dewarhq/dewar/task"
)

// Exit is what the loop knows of a run's end. Of Exit, Signal, Error, Lost and
// Unspawned one says how.
type Exit struct {
	task.RunID
	Exit      *int
	Signal    int
	Core      bool
	Error     string // it could not be started: a sentence
	Lost      string // nothing is known of its end: why, a sentence
	Unspawned bool   // it was told to stop before the shim had been asked to start it
	Signals   []int  // that the brain has had delivered to it, as its status says; each counts once
	At        Instant
	Rusage    Rusage
	Tail      string
	Left      int
	OOM       *OOM
}

const killNumber = 9

// Judge says what an end means: SUCCESS, FAILED, KILLED or LOST. Of a run that
// is not live it says what it can, and Apply refuses it.
func (m *Machine) Judge(now Instant, e Exit) Ended {
	r := Ended{
		RunID: e.RunID, Exit: clone(e.Exit), Signal: e.Signal, Core: e.Core,
		At: e.At, Rusage: e.Rusage, Left: max(0, e.Left), OOM: clone(e.OOM),
	}
	if r.At == (Instant{}) {
		r.At = now
	}
	p, run := m.find(e.RunID)
	r.State, r.Reason = m.verdict(p, run, e)
	if r.State == RunFailed {
		r.Tail = e.Tail
	}
	return r
}

func (m *Machine) verdict(p *process, run *Run, e Exit) (RunState, string) {
	if run == nil {
		run = &Run{}
	}
	ours := m.stopDelivered(run, e.Signals) || run.PreStop != nil
	switch {
	case e.Error != "":
		return RunFailed, e.Error
	case e.Lost != "":
		return RunLost, e.Lost
	case e.Unspawned:
		return RunKilled, "it was told to stop before it was started"
	case ours && p != nil && run.StoppedFor() == CauseNotReady:
		return RunFailed, fmt.Sprintf("it was not %s within %s", p.missed(run), p.def.ReadyTimeout)
	case ours && run.StoppedFor() == CauseHealth && run.Sick != nil:
		return RunFailed, run.Sick.Reason
	case ours:
		return RunKilled, ""
	case e.Signal != 0 && slices.Contains(e.Signals, e.Signal):
		return RunKilled, "a person sent it " + signalName(e.Signal)
	case e.Signal == 0 && e.Exit != nil && *e.Exit == 0:
		return RunSuccess, ""
	case e.Signal == 0 && e.Exit == nil:
		return RunLost, "nothing is known of its end"
	}
	return RunFailed, ""
}

// stopDelivered says that of the signals delivered one was our own wish for the
// run's end: nobody had asked for it, or we had decided on it, too. (A status
// names each signal once, however often it was sent.)
func (m *Machine) stopDelivered(run *Run, delivered []int) bool {
	return slices.ContainsFunc(delivered, func(n int) bool {
		return !run.asked(n) ||
			run.Stop != nil && run.Stop.Signal.Number() == n ||
			(run.Kill != "" || m.Clearing) && n == killNumber
	})
}

// end folds the end of a run: what it was, what it counts, and when the next
// one may start.
func (m *Machine) end(p *process, run *Run, r Ended) {
	run.State, run.Ended = r.State, r.At
	if !p.oldBoot || r.At == (Instant{}) {
		run.Ended = m.clocked(r.At)
	}
	if r.Exit != nil || r.Signal != 0 {
		p.started = true // even if nobody saw it run
	}
	run.Exit, run.Signal, run.Core, run.Reason = clone(r.Exit), r.Signal, r.Core, r.Reason
	run.Rusage, run.Tail, run.OOM = r.Rusage, r.Tail, clone(r.OOM)
	if r.OOM != nil && r.OOM.Kills > 0 && r.State == RunFailed {
		m.Starved = &task.RunID{Process: p.def.Name, Run: run.Run}
	}
	p.keepTail(run)
	p.pace(run)
	p.floor = max(0, later(run.Ended.Boot, p.delay))
	if p.oldBoot {
		p.floor, p.oldBoot = 0, false
	}
	p.count(run.State)
	if p.again {
		p.again, p.floor = false, 0
		if p.over != "" {
			p.revive()
		}
	}
	p.leaves(run, r.Left)
}

// count says what an end does to the process.
func (p *process) count(end RunState) {
	switch end {
	case RunSuccess:
		if !p.def.Daemon {
			p.retire(OverFinished)
		}
	case RunFailed:
		p.failures++
		switch {
		case p.def.MaxFailures <= 0 || p.failures < p.def.MaxFailures:
		case p.def.Ephemeral:
			p.retire(OverFinished)
		default:
			p.retire(OverFailed)
		}
	}
}

// pace sets the floor between runs: min_duration, doubled by each failed run
// where there is a backoff, until a run lasts long enough.
func (p *process) pace(run *Run) {
	b := p.def.Backoff
	if b == nil {
		return
	}
	lasted := int64(0)
	if run.Started != (Instant{}) {
		lasted = run.Ended.Boot - run.Started.Boot
	}
	switch {
	case p.oldBoot && run.State == RunLost: // its end has no time that compares
	case b.Reset > 0 && lasted >= int64(b.Reset):
		p.delay = floorOf(p.def)
	case run.State == RunFailed:
		p.delay = max(floorOf(p.def), min(b.Max, task.Duration(later(int64(p.delay), p.delay))))
	}
}

// floorOf is the floor under a process' starts before any failure.
func floorOf(def task.Process) task.Duration { return max(0, def.MinDuration) }
