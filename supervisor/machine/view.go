package machine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/task"
)

// State is a view of everything.
func (m *Machine) State() State {
	s := State{
		ID: m.ID, Name: m.Name, State: m.Stage, Since: m.Since, Created: m.Created,
		Result: m.Result, Reason: m.Reason, Deadline: m.Budget,
		Kill: clone(m.Kill), Brain: clone(m.Brain), Clearing: m.Clearing, Full: m.full, Records: m.Records,
		Pause: clone(m.Pause), Disk: clone(m.Disk), Undead: slices.Clone(m.Undead), Resized: maps.Clone(m.Resized),
		Calls:  slices.Clone(m.Calls),
		Checks: checkViews(m.checks, m.Checks), Snoozes: slices.Clone(m.Snoozes), Sick: clone(m.Sick),
		Processes: make([]ProcessState, 0, len(m.procs)),
	}
	gates := [2]string{m.gate(&m.plans[ordinary]), m.gate(&m.plans[final])}
	for i := range m.procs {
		p := m.view(&m.procs[i], gates)
		s.Counts.add(p)
		s.Processes = append(s.Processes, p)
	}
	return s
}

func (c *Counts) add(p ProcessState) {
	c.Processes++
	c.Runs += p.Runs
	switch {
	case p.State == Forked || p.State == Running:
		c.Live++
	case p.Over == OverFinished:
		c.Finished++
	case p.Over == OverFailed:
		c.Failed++
	default:
		c.Waiting++
	}
}

// Process is the view of one process.
func (m *Machine) Process(name string) (ProcessState, bool) {
	p, _ := m.find(task.RunID{Process: name})
	if p == nil {
		return ProcessState{}, false
	}
	return m.view(p, [2]string{m.gate(&m.plans[ordinary]), m.gate(&m.plans[final])}), true
}

func (m *Machine) view(p *process, gates [2]string) ProcessState {
	v := ProcessState{
		Name: p.def.Name, Final: p.def.Final, Daemon: p.def.Daemon, Ephemeral: p.def.Ephemeral,
		State: p.state(), Over: p.over, HeldBy: p.heldBy, Again: p.again,
		Runs: p.runs, Failures: p.failures, NextStart: m.nextStart(p),
		Waits: m.waits(p, m.at.Boot, gates),
	}
	for _, run := range p.history {
		v.History = append(v.History, run.clone())
	}
	if last := p.latest(); last != nil {
		v.Checks = checkViews(p.checks, last.Checks)
	} else {
		v.Checks = checkViews(p.checks, nil)
	}
	return v
}

func (p *process) state() RunState {
	if run := p.live(); run != nil {
		return run.State
	}
	if last := p.latest(); last != nil && p.over != "" {
		return last.State
	}
	return Waiting
}

// nextStart is the floor under the next start, 0 if there is none to speak of.
func (m *Machine) nextStart(p *process) int64 {
	if p.live() != nil || p.over != "" || !m.current(p) {
		return 0
	}
	return p.floor
}

// gate is what keeps every process of a plan that may start from starting.
func (m *Machine) gate(pl *plan) string {
	switch {
	case m.full:
		return "is not started while the disk is full"
	case m.Pause != nil:
		return "is not started while the task is paused"
	case m.room(pl) == 0:
		return fmt.Sprintf("waits for a place: max_concurrency is %d, and %d run", m.task.MaxConcurrency, pl.live)
	}
	return ""
}

// waits says why a process does not run, if it is to run at all.
func (m *Machine) waits(p *process, now int64, gates [2]string) []string {
	switch {
	case p.live() != nil || p.over != "" || m.terminal() || m.Stage == "":
		return nil
	case !m.current(p) && !p.def.Final:
		return []string{"is not started any more: the task is ending"}
	case !m.current(p):
		return []string{"is final: starts when all ordinary processes have ended"}
	case p.heldBy != "":
		return []string{"is held: stopped by " + p.heldBy + ", until it is started"}
	}
	var said []string
	if p.unmet > 0 {
		said = append(said, "waits "+strings.Join(m.unmetEdges(p), " and "))
	}
	if p.floor > now {
		said = append(said, p.flooredBy())
	}
	if !p.def.Leave {
		for _, left := range p.strays {
			said = append(said, fmt.Sprintf("waits until the %s that run %d left behind %s gone",
				plural(left.Left, "process", "processes"), left.Run, isAre(left.Left)))
		}
	}
	gate := gates[ordinary]
	if p.def.Final {
		gate = gates[final]
	}
	if len(said) == 0 && gate != "" {
		said = append(said, gate)
	}
	return said
}

// flooredBy says which rule set the floor under the next start.
func (p *process) flooredBy() string {
	rule := "min_duration"
	if p.delay > floorOf(p.def) {
		rule = "its backoff"
	}
	s := fmt.Sprintf("waits for %s, %s", rule, p.delay)
	if last := p.latest(); last != nil {
		s += fmt.Sprintf(" from the end of run %d", last.Run)
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
