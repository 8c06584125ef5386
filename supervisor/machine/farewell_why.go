package machine

import (
	"fmt"
	"strings"
	"time"

	"github.com/dewarhq/dewar/task"
)

// StopReason is why a run is being stopped, or with the zero RunID why the task
// ends: one line of at most 1 KiB, for the processes to read. It is empty if neither
// is the case.
func (m *Machine) StopReason(id task.RunID) string {
	const most = 1 << 10 // a longer one than 128 KiB no environment takes
	var said string
	switch p, run := m.find(id); {
	case m.Phase() != Active && m.Result != "":
		said = m.endsBecause()
	case run != nil && run.leaving():
		said = named(id.Process) + " is " + m.stoppedBecause(p, run)
	}
	said = strings.Join(strings.Fields(said), " ")
	if len(said) > most {
		said = strings.ToValidUTF8(said[:most-len("…")], "") + "…"
	}
	return said
}

// endsBecause is "the task is killed by uid 0 (root): too old".
func (m *Machine) endsBecause() string {
	switch m.Result {
	case Killed, Lost:
		return "the task is " + m.Reason
	case Failed:
		return "the task has failed: " + m.Reason
	}
	return "the task is over: " + m.Reason
}

// stoppedBecause is "stopped by uid 0 (root)".
func (m *Machine) stoppedBecause(p *process, run *Run) string {
	switch cause := run.StoppedFor(); cause {
	case CauseStop:
		if p.heldBy != "" {
			return "stopped by " + p.heldBy
		}
		return "stopped"
	case CauseRestart:
		return "restarted, as somebody asked"
	case CauseNotReady:
		return fmt.Sprintf("stopped: it was not %s within %s", p.missed(run), p.def.ReadyTimeout)
	case CauseHealth:
		if run.Sick != nil {
			return "restarted: " + run.Sick.Reason
		}
		return "restarted: it is unhealthy"
	case CauseLost:
		return "stopped: what it depends on is no longer there for it"
	default:
		return "stopped: " + string(cause)
	}
}

// calls says what came of the life-cycle calls.
func (w *why) calls() {
	for i, c := range w.m.Calls {
		s := fmt.Sprintf("POST %s (%s)", c.Endpoint, c.Step)
		left := ""
		if i == len(w.m.Calls)-1 && w.m.callsFirst() {
			left = short(max(0, time.Duration(c.until()-w.now)))
		}
		switch {
		case !c.Over && left != "":
			w.say("%s is being asked for, for %s at most", s, left)
		case !c.Over:
			w.say("%s was not answered in time", s)
		case c.Heard && left != "":
			w.say("%s %s; what runs has %s to end by itself", s, c.Said, left)
		default:
			w.say("%s %s", s, c.Said)
		}
	}
}

// parting says that a live run's pre_stop is being done.
func (w *why) parting(p *process, run *Run) string {
	left := time.Duration(run.partBy() - w.now)
	s := fmt.Sprintf("; its pre_stop is being done (%s)", run.PreStop.Cause)
	if left > 0 {
		s += fmt.Sprintf(", and SIG%s comes in %s at the latest", p.def.StopSignal, short(left))
	}
	return s
}

// preStopped is what became of a run's pre_stop, if that failed.
func (r *Run) preStopped() string {
	if r.PreStop == nil || r.PreStop.Failure == "" {
		return ""
	}
	return "; its pre_stop failed: " + r.PreStop.Failure
}
