package machine

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/task"
)

// AskedPause is who paused the task, and when.
type AskedPause struct {
	PauseAsked
	At Instant `json:"at"`
}

// Paused says that every process of the task is to stand still.
func (m *Machine) Paused() bool { return m.Pause != nil }

// Limits are the limits that hold now for a process, or with "" for the task:
// the file's, with what people have changed since, and with our defaults.
func (m *Machine) Limits(process string) task.Resources {
	if process == "" {
		return m.task.Limits().With(m.Resized[""])
	}
	return m.Asked(process)
}

// Asked are those of the limits that somebody has asked for.
func (m *Machine) Asked(process string) task.Resources {
	var base task.Resources
	if p, _ := m.find(task.RunID{Process: process}); p != nil {
		base = p.def.Limits()
	} else if process == "" && m.task.Resources != nil {
		base = *m.task.Resources
	}
	return base.With(m.Resized[process])
}

// now is the task with the limits that people have asked for since.
func (m *Machine) now() task.Task {
	t := m.task
	whole := m.Asked("")
	t.Resources, t.Processes = &whole, slices.Clone(t.Processes)
	for i := range t.Processes {
		if p := &t.Processes[i]; p.Resources != nil || m.Resized[p.Name] != (task.Resources{}) {
			own := m.Asked(p.Name)
			p.Resources = &own
		}
	}
	return t
}

// beyond says whose limits cannot be, and why.
func (m *Machine) beyond(problems task.Problems) error {
	said := make([]string, 0, len(problems))
	for _, p := range problems {
		whose := "the task"
		if len(p.Path) > 1 && p.Path[0] == "processes" {
			if i, ok := p.Path[1].(int); ok {
				whose = "process " + task.Quote(m.task.Processes[i].Name)
			}
		}
		said = append(said, whose+": "+p.Sentence)
	}
	return errors.New(strings.Join(said, "; "))
}

// Knows says that these and no others are known not to die.
func (m *Machine) Knows(undead []Undead) bool { return slices.Equal(undead, m.Undead) }

// legalSandbox is for the records of what the task lives in.
func (m *Machine) legalSandbox(r Record) error {
	switch r := r.(type) {
	case ResizeAsked:
		if p, _ := m.find(task.RunID{Process: r.Process}); r.Process != "" && p == nil {
			return m.noProcess(r.Process)
		}
	case PauseAsked:
		if m.Phase() != Active {
			return m.notActive()
		}
		if m.Pause != nil {
			return errors.New("the task is paused already, by " + m.Pause.By)
		}
	case UnpauseAsked:
		if m.Pause == nil {
			return errors.New("the task is not paused")
		}
	}
	return nil
}

// askSandbox answers a person's request about it. What is being stopped must
// be able to run, or it would be killed for standing still.
func (m *Machine) askSandbox(r Record) (Decision, error) {
	if m.Phase() == "" || m.terminal() {
		return Decision{}, m.notActive()
	}
	if err := m.legalSandbox(r); err != nil {
		return Decision{}, err
	}
	if resize, ok := r.(ResizeAsked); ok {
		return m.askResize(resize)
	}
	if _, pause := r.(PauseAsked); pause {
		if m.Kill != nil {
			return Decision{}, errors.New("the task is being killed")
		}
		for i := m.alive.next(0); i >= 0; i = m.alive.next(i + 1) {
			if p := &m.procs[i]; p.beingStopped() {
				return Decision{}, fmt.Errorf("process %s is just being stopped; pause the task when it has", task.Quote(p.def.Name))
			}
		}
	}
	return Decision{Record: r}, nil
}

// askResize refuses what cannot be had together with the limits of now.
func (m *Machine) askResize(r ResizeAsked) (Decision, error) {
	if r.Process != "" && r.Limits.Disk != 0 {
		return Decision{}, errors.New("disk is a limit of the task's, not of a process")
	}
	if problems := m.now().CheckLimits(r.Process, r.Limits); len(problems) > 0 {
		return Decision{}, m.beyond(problems)
	}
	if r.Limits.CPUHard == task.HardAsCPU {
		r.Limits.CPUHard = m.Asked(r.Process).With(r.Limits).CPU
	}
	return Decision{Record: r}, nil
}

func (p *process) beingStopped() bool {
	run := p.live()
	return run != nil && !run.stoppable() || p.emptying()
}

// foldSandbox does what a record says of what the task lives in.
func (m *Machine) foldSandbox(r Record) {
	switch r := r.(type) {
	case ResizeAsked:
		m.resize(r)
	case PauseAsked:
		m.Pause = &AskedPause{r, m.at}
		m.restandAll()
	case UnpauseAsked:
		m.unpause()
		m.restandAll()
	case OverDisk:
		m.Disk = &r
	case Denied:
		m.Denied = r.Reason
	case Unkillable:
		m.Undead = r.Processes
	}
}

// resize keeps the map of an earlier clone as it is.
func (m *Machine) resize(r ResizeAsked) {
	resized := maps.Clone(m.Resized)
	if resized == nil {
		resized = make(map[string]task.Resources)
	}
	resized[r.Process] = resized[r.Process].With(r.Limits)
	m.Resized = resized
}

// unpause gives those who were to be ready by some time that much longer.
func (m *Machine) unpause() {
	if m.Pause == nil {
		return
	}
	stood := m.at.Boot - m.Pause.At.Boot // negative after a reboot, which nobody has survived
	m.Pause = nil
	for i := range m.procs {
		if run := m.procs[i].live(); run != nil && run.Started != (Instant{}) {
			run.Stood = int64(later(run.Stood, task.Duration(stood)))
		}
	}
}

// readyBy is the boot time by which a run must have said that it is ready.
func (p *process) readyBy(run *Run) int64 {
	by := later(run.Started.Boot, p.def.ReadyTimeout)
	if by > math.MaxInt64-run.Stood {
		return math.MaxInt64
	}
	return by + run.Stood
}

// overDisk is why a task fails that has written too much; "" if it does not.
func (m *Machine) overDisk() string {
	if m.Disk == nil || m.task.DiskAction == task.DiskWarn {
		return ""
	}
	return m.Disk.said()
}

func (r *OverDisk) said() string {
	return fmt.Sprintf("sandbox and logs hold %s, and the task's disk is %s", task.Size(r.Used), task.Size(r.Allowed))
}

// oomOfTask is why a task fails whose processes may not run without each
// other; "" if it does not.
func (m *Machine) oomOfTask() string {
	if m.task.OOM != task.OOMTask || m.Starved == nil {
		return ""
	}
	p, run := m.find(*m.Starved)
	if run == nil {
		return "a process ran out of memory; oom of the task is task"
	}
	return fmt.Sprintf("process %s: run %d %s; oom of the task is task", named(p.def.Name), run.Run, run.how())
}

// said is how a victim's end is told: "out of memory: the limit of the process,
// 64MB, was hit".
func (o *OOM) said() string {
	var b strings.Builder
	if o.Kills == 0 {
		return "it was killed with another process of the task that ran out of memory"
	}
	b.WriteString("out of memory: " + o.hit())
	if o.Kills > 1 {
		fmt.Fprintf(&b, ", %d processes were killed", o.Kills)
	}
	return b.String()
}

// hit is "the limit of the process, 64MB, was hit (it held at most 64MB)".
func (o *OOM) hit() string {
	var s string
	switch {
	case o.Limit == LevelMachine:
		s = "the machine's, or a limit above the task's, was hit"
	case o.Bytes > 0:
		s = fmt.Sprintf("the limit of the %s, %s, was hit", o.Limit, task.Size(o.Bytes))
	default:
		s = fmt.Sprintf("the limit of the %s was hit", o.Limit)
	}
	if o.Peak > 0 {
		s += fmt.Sprintf(" (it held at most %s)", task.Size(o.Peak))
	}
	return s
}

// said is what befell a run that went on: "2 of its processes were killed for
// want of memory, the last 3.1s ago: the limit of the process, 64MB, was hit".
func (t *Thinning) said(when string) string {
	if t.Kills == 1 {
		return fmt.Sprintf("1 of its processes was killed for want of memory, %s: %s", when, t.hit())
	}
	return fmt.Sprintf("%d of its processes were killed for want of memory, the last %s: %s", t.Kills, when, t.hit())
}

// undead names those who do not die.
func (m *Machine) undead() []string {
	var said []string
	for _, u := range m.Undead {
		s := fmt.Sprintf("process %d (%s) was killed and does not die", u.Pid, u.Command)
		if u.Channel != "" {
			s += ": it waits in the kernel, in " + u.Channel
		}
		said = append(said, s)
	}
	return said
}
