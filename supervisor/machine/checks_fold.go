package machine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// legalCheck is for the records of checks. Which answers count was decided when
// they were written; an Answered of a run that is being stopped is legal.
func (m *Machine) legalCheck(r Record) error {
	switch r := r.(type) {
	case Answered:
		if !m.hasCheck(r.CheckID) {
			return m.noCheck(r.Process, r.Check)
		}
		if r.Process != "" {
			return m.legalLive(task.RunID{Process: r.Process, Run: r.Run})
		}
	case Snoozed:
		return m.legalSnooze(r.Process, r.Check)
	case Unsnoozed:
		if err := m.legalSnooze(r.Process, r.Check); err != nil {
			return err
		}
		if !slices.ContainsFunc(m.Snoozes, func(s Snooze) bool { return r.ends(&s) }) {
			return errors.New("nothing of it is snoozed")
		}
	}
	return nil
}

func (m *Machine) legalSnooze(process, name string) error {
	switch {
	case !m.checked:
		return errors.New("the task has no checks")
	case process == "" && name == "":
		return nil
	case name != "" && m.hasCheck(CheckID{process, name}):
		return nil
	case name == "" && len(m.checksOf(process)) > 0:
		return nil
	}
	return m.noCheck(process, name)
}

// checksOf are the checks of a process, with "" the task's own.
func (m *Machine) checksOf(process string) []check {
	if process == "" {
		return m.checks
	}
	if p, _ := m.find(task.RunID{Process: process}); p != nil {
		return p.checks
	}
	return nil
}

func (m *Machine) hasCheck(id CheckID) bool {
	return slices.ContainsFunc(m.checksOf(id.Process), func(c check) bool { return c.def.Name == id.Check })
}

func (m *Machine) noCheck(process, name string) error {
	var all []string
	for _, c := range m.checks {
		all = append(all, CheckID{"", c.def.Name}.String())
	}
	for i := range m.procs {
		for _, c := range m.procs[i].checks {
			all = append(all, CheckID{m.procs[i].def.Name, c.def.Name}.String())
		}
	}
	return fmt.Errorf("there is no check %s; there are: %s", CheckID{process, name}, strings.Join(all, ", "))
}

// String is the check as people name it: "web/readiness", the task's own "health".
func (id CheckID) String() string {
	switch {
	case id.Process == "":
		return id.Check
	case id.Check == "":
		return id.Process
	}
	return id.Process + "/" + id.Check
}

// askSnooze answers a person's request about checks.
func (m *Machine) askSnooze(r Record) (Decision, error) {
	if m.Phase() != Active {
		return Decision{}, m.notActive()
	}
	if err := m.legalCheck(r); err != nil {
		return Decision{}, err
	}
	return Decision{Record: r}, nil
}

// foldCheck does what a record says of checks.
func (m *Machine) foldCheck(r Record) {
	switch r := r.(type) {
	case Answered:
		m.answered(r)
	case Snoozed:
		m.unsnooze(func(s Snooze) bool { return s.Process == r.Process && s.Check == r.Check })
		m.Snoozes = append(m.Snoozes, Snooze{r, m.at})
		m.restandAll()
	case Unsnoozed:
		m.unsnooze(func(s Snooze) bool { return r.ends(&s) })
		m.restandAll()
	}
}

// unsnooze ends snoozes. Runs that others wait for to be healthy, and that could
// not become so meanwhile, get that much longer.
func (m *Machine) unsnooze(over func(Snooze) bool) {
	m.asking++
	var left []Snooze
	for _, s := range m.Snoozes {
		if !over(s) {
			left = append(left, s)
			continue
		}
		for i := range m.procs {
			p := &m.procs[i]
			run := p.live()
			if run == nil || run.State != Running || !p.awaited[healthy] || run.Healthy != (Instant{}) || !p.snoozedBy(s) {
				continue
			}
			lasted := m.at.Boot - max(s.At.Boot, run.Started.Boot)
			run.Stood = later(run.Stood, task.Duration(lasted))
		}
	}
	m.Snoozes = left
}

func (p *process) snoozedBy(s Snooze) bool {
	return slices.ContainsFunc(p.checks, func(c check) bool { return s.covers(CheckID{p.def.Name, c.def.Name}) })
}

// ends says that a snooze is over with this record.
func (r *Unsnoozed) ends(s *Snooze) bool {
	return r.Process == "" && r.Check == "" && r.By != "" || s.Process == r.Process && s.Check == r.Check
}

func (m *Machine) answered(r Answered) {
	if r.Process == "" {
		m.Checks = withAnswers(m.Checks, r, m.at)
		m.sicken(r, nil)
		return
	}
	p, run := m.find(task.RunID{Process: r.Process, Run: r.Run})
	was, up := run.verdict(r.Check), p.startedUp(run)
	run.Checks = withAnswers(run.Checks, r, m.at)
	m.sicken(r, run)
	if run.verdict(r.Check) == was {
		return
	}
	if up != p.startedUp(run) {
		m.asking++
	}
	if run.Healthy == (Instant{}) && p.healthy(run) {
		run.Healthy = m.at
	}
	m.changed(m.index[r.Process])
}

// withAnswers are the states of checks, with what a record says of one of them.
// Views share the old ones.
func withAnswers(states []CheckState, r Answered, at Instant) []CheckState {
	states = slices.Clone(states)
	s := stateOf(states, r.Check)
	if s == nil {
		states = append(states, CheckState{Name: r.Check})
		s = &states[len(states)-1]
	}
	if r.State.Verdict != s.Judged.Verdict {
		s.Since, s.Why = at, ""
	}
	if r.Why != "" {
		s.Why = r.Why
	}
	s.Judged = r.State
	s.Answers = append(slices.Clone(s.Answers), r.Answers...)
	if extra := len(s.Answers) - keptAnswers; extra > 0 {
		s.Answers = slices.Clone(s.Answers[extra:])
	}
	for _, a := range r.Answers {
		s.Counts.add(a.Outcome)
		s.Counts.Missed += a.Missed
	}
	return states
}

// begunAnew are the states of checks of a target that begins anew: it has its
// grace again. What was answered before is still shown.
func begunAnew(states []CheckState) []CheckState {
	states = slices.Clone(states)
	for i := range states {
		states[i].Judged, states[i].Since, states[i].Why = judge.State{}, Instant{}, ""
	}
	return states
}

func (a *Answers) add(o judge.Outcome) {
	switch o {
	case judge.OK:
		a.OK++
	case judge.Fail:
		a.Failed++
	case judge.Inconclusive:
		a.Inconclusive++
	case judge.Misconfigured:
		a.Misconfigured++
	case judge.Snoozed:
		a.Snoozed++
	}
}

// sicken notes a verdict that is to be acted upon: of the task as a whole, or of
// one run. A check that cannot be asked fails the task whatever its action is.
func (m *Machine) sicken(r Answered, run *Run) {
	if r.State.Verdict != judge.Unhealthy || m.Sick != nil || m.Phase() != Active {
		return
	}
	var def task.Check
	for _, c := range m.checksOf(r.Process) {
		if c.def.Name == r.Check {
			def = c.def
		}
	}
	last := Answer{}
	if n := len(r.Answers); n > 0 {
		last = r.Answers[n-1]
	}
	sick := &Sickness{CheckID: r.CheckID, Run: r.Run, Reason: unhealthy(r, last), At: m.at}
	switch {
	case last.Outcome == judge.Misconfigured, def.Action == task.FailTask, def.Action == task.Restart && run == nil:
		m.Sick = sick
		m.asking++
	case def.Action == task.Restart && run.Sick == nil:
		run.Sick = sick
		m.asking++
	}
}

// unhealthy is "check web/liveness is unhealthy: it failed 3 times in a row; the
// last time: no answer within 1s".
func unhealthy(r Answered, last Answer) string {
	s := "check " + r.CheckID.String() + " is unhealthy"
	if last.Outcome == judge.Misconfigured {
		s = "check " + r.CheckID.String() + " cannot be asked"
		if last.Reason != "" {
			return s + ": " + last.Reason
		}
		return s
	}
	if r.Why != "" {
		s += ": " + r.Why
	}
	if last.Reason != "" {
		s += "; the last time: " + last.Reason
	}
	return s
}

// unsnoozing ends the snoozes whose time is up.
func (m *Machine) unsnoozing(d []Decision, now int64) []Decision {
	for _, s := range m.Snoozes {
		if s.Until.Boot <= now {
			d = append(d, Decision{Record: Unsnoozed{Process: s.Process, Check: s.Check}})
		}
	}
	return d
}

// unsnoozeBy is when the first snooze ends by time alone, 0 if there is none.
func (m *Machine) unsnoozeBy() (first int64) {
	for _, s := range m.Snoozes {
		if by := max(past, s.Until.Boot); first == 0 || by < first {
			first = by
		}
	}
	return first
}
