package machine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/task"
)

// mostNames is how many processes a sentence names before it counts the rest.
const mostNames = 8

// over says whether the ordinary plan is over, how the task will end, and by
// which rule.
func (m *Machine) over(now int64) (Cleaning, bool) {
	pl, most := &m.plans[ordinary], m.task.MaxFailures
	budget := max(past, later(now, m.task.FinalizationWait))
	switch {
	case m.Kill != nil && m.Kill.Lose:
		return Cleaning{Lost, "given up as lost " + m.Kill.asked(), m.Budget}, true
	case m.Kill != nil:
		return Cleaning{Killed, "killed " + m.Kill.asked(), m.Budget}, true
	case m.Denied != "":
		return Cleaning{Failed, m.Denied, budget}, true
	case m.Sick != nil:
		return Cleaning{Failed, m.Sick.Reason, budget}, true
	case m.overDisk() != "":
		return Cleaning{Failed, m.overDisk(), budget}, true
	case m.oomOfTask() != "":
		return Cleaning{Failed, m.oomOfTask(), budget}, true
	case most > 0 && pl.failed >= most:
		return Cleaning{Failed, m.failedReason(), budget}, true
	case pl.complete():
		return Cleaning{Success, m.completeReason(), budget}, true
	case pl.stuck():
		return Cleaning{Failed, "stuck, nothing runs or can start: " + m.stuckNames(pl), budget}, true
	}
	return Cleaning{}, false
}

func (k *AskedKill) asked() string {
	s := "by " + k.By
	if k.By == "" {
		s = "by somebody"
	}
	if k.Reason != "" {
		s += ": " + k.Reason
	}
	return s
}

// failedReason is "process migrate failed for good: run 0 exited with status 3;
// max_failures of the task is 1".
func (m *Machine) failedReason() string {
	return fmt.Sprintf("%s; max_failures of the task is %d", m.failedNames(), m.task.MaxFailures)
}

func (m *Machine) failedNames() string {
	return m.list(func(p *process) string {
		if p.over != OverFailed || p.def.Final {
			return ""
		}
		return fmt.Sprintf("process %s failed for good: %s", named(p.def.Name), p.giveUp())
	})
}

// giveUp says by which run, and by which of its failures, a process failed.
func (p *process) giveUp() string {
	s := p.latest().said()
	if p.def.MaxFailures > 1 {
		s += fmt.Sprintf(", its failure %d of %d", p.failures, p.def.MaxFailures)
	}
	return s
}

func (m *Machine) completeReason() string {
	pl := &m.plans[ordinary]
	switch {
	case pl.size == 0:
		return "there is no ordinary process"
	case !m.waitsForAny():
		return "there is no process to wait for: all are ephemeral"
	case pl.failed == 0:
		return "every process has finished"
	case m.task.MaxFailures <= 0:
		return "every process has finished or failed, and failures do not count, for max_failures of the task is 0: " + m.failedNames()
	}
	return fmt.Sprintf("every process has finished, but for fewer failures than max_failures of the task, which is %d: %s",
		m.task.MaxFailures, m.failedNames())
}

func (m *Machine) waitsForAny() bool {
	return slices.ContainsFunc(m.procs, func(p process) bool { return !p.def.Final && !p.def.Ephemeral })
}

// stuckNames says what each process that cannot go on waits for.
func (m *Machine) stuckNames(pl *plan) string {
	return m.list(func(p *process) string {
		if m.planOf(p) != pl || !p.last.needed {
			return ""
		}
		return fmt.Sprintf("%s waits %s", named(p.def.Name), strings.Join(m.unmetEdges(p), " and "))
	})
}

// list joins what is said of each process, and counts what would be too much.
func (m *Machine) list(say func(*process) string) string {
	var said []string
	more := 0
	for i := range m.procs {
		switch s := say(&m.procs[i]); {
		case s == "":
		case len(said) < mostNames:
			said = append(said, s)
		default:
			more++
		}
	}
	if more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(said, "; ")
}

// unmetEdges says for each edge that is not satisfied what it wants: "for
// migrate to succeed, which failed for good (run 0 exited with status 3)".
func (m *Machine) unmetEdges(p *process) []string {
	var said []string
	for _, e := range p.in {
		if from := &m.procs[e.from]; !from.met.satisfies(e.when) {
			if len(said) == mostNames {
				return append(said, "for others")
			}
			s := fmt.Sprintf("for %s %s, which %s", named(from.def.Name), wanted(e.when), from.is())
			if run := from.live(); run != nil && e.when == task.WhenHealthy && from.notHealthy(run) != "" {
				s += ": " + from.notHealthy(run)
			}
			said = append(said, s)
		}
	}
	return said
}

func wanted(when task.When) string {
	switch when {
	case task.WhenStarted:
		return "to start"
	case task.WhenReady:
		return "to be ready"
	case task.WhenHealthy:
		return "to be healthy"
	case task.WhenExit:
		return "to end"
	}
	return "to succeed"
}

// is says where a process is, to follow "which".
func (p *process) is() string {
	run, last := p.live(), p.latest()
	switch {
	case p.over == OverFailed:
		return fmt.Sprintf("failed for good (%s)", p.giveUp())
	case p.over == OverFinished && last != nil:
		return fmt.Sprintf("has finished (%s)", last.said())
	case run != nil && run.StoppedFor() != "":
		return fmt.Sprintf("is being stopped (run %d, %s)", run.Run, run.StoppedFor())
	case run != nil:
		return fmt.Sprintf("runs (run %d)", run.Run)
	case p.heldBy != "":
		return "is held (stopped by " + p.heldBy + ")"
	case last != nil:
		return fmt.Sprintf("does not run now (%s)", last.said())
	}
	return "has not run yet"
}

// said is what is to be said of a run: "run 0 exited with status 3".
func (r *Run) said() string { return fmt.Sprintf("run %d %s", r.Run, r.how()) }

// how is how a run ended, or that it has not.
func (r *Run) how() string {
	s := r.status()
	switch {
	case r.Live():
		return "lives"
	case r.State == RunLost:
		s = "is lost"
	case r.State == RunFailed && r.Exit == nil && r.Signal == 0:
		if cause := r.StoppedFor(); cause == CauseNotReady || cause == CauseHealth {
			return r.Reason
		}
		s = "could not be started"
	case r.State == RunKilled && r.StoppedFor() != "":
		s += ", told to stop (" + string(r.StoppedFor()) + ")"
	}
	if r.Reason != "" {
		s += ": " + r.Reason
	}
	if r.OOM != nil {
		s += ": " + r.OOM.said()
	}
	return s
}

// status is the end as the kernel has it.
func (r *Run) status() string {
	switch {
	case r.Signal != 0 && r.Core:
		return "died of " + signalName(r.Signal) + " and left a core file"
	case r.Signal != 0:
		return "died of " + signalName(r.Signal)
	case r.Exit != nil:
		return fmt.Sprintf("exited with status %d", *r.Exit)
	}
	return "ended"
}

func signalName(n int) string {
	if s := task.SignalName(n); s != "" {
		return "SIG" + string(s)
	}
	return fmt.Sprintf("signal %d", n)
}

// named is a process' name as a sentence bears it.
func named(name string) string {
	if strings.ContainsAny(name, " ;:,\"()\t") {
		return task.Quote(name)
	}
	return name
}
