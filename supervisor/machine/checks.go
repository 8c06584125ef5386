package machine

import (
	"slices"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// Asked is a check that is to be asked now.
type Asked struct {
	CheckID
	Run     int  // of the process, live; 0 for the task's check
	Snoozed bool // a person wants no verdict now
}

// CheckState is what is known of a check; of a process', of one of its runs.
type CheckState struct {
	Name    string      `json:"name"`
	Judged  judge.State `json:"judged"`
	Since   Instant     `json:"since,omitzero"`    // when Judged.Verdict was reached; zero: it is starting
	Why     string      `json:"why,omitempty"`     // of an unhealthy one: by which rule
	Answers []Answer    `json:"answers,omitempty"` // the last ones, at most keptAnswers
	Counts  Answers     `json:"counts"`
}

// Answers counts what asking came to.
type Answers struct {
	OK            int `json:"ok"`
	Failed        int `json:"failed"`
	Inconclusive  int `json:"inconclusive"`
	Misconfigured int `json:"misconfigured"`
	Snoozed       int `json:"snoozed"`
	Missed        int `json:"missed"` // attempts that were left out
}

// Sickness is an unhealthy verdict that is acted upon.
type Sickness struct {
	CheckID
	Run    int     `json:"run"`
	Reason string  `json:"reason"` // "check web/liveness is unhealthy: it failed 3 times in a row, the last time because …"
	At     Instant `json:"at"`
}

// Snooze is a snooze and when it began.
type Snooze struct {
	Snoozed
	At Instant `json:"at"`
}

const (
	keptAnswers = 20
	// gatheredAnswers is how many answers that change nothing make a record.
	gatheredAnswers = 10
)

// check is a check with how its answers are judged.
type check struct {
	def  task.Check
	rule judge.Rule
}

func checksOf(defs ...task.Check) []check {
	var all []check
	for _, def := range defs {
		all = append(all, check{def, judge.RuleOf(&def)})
	}
	return all
}

// setChecks finds out what is to be asked of the task.
func (m *Machine) setChecks() {
	if m.task.Check != nil {
		m.checks = checksOf(*m.task.Check)
	}
	for i := range m.procs {
		if len(m.procs[i].checks) > 0 {
			m.watched = append(m.watched, i)
		}
	}
	if m.checked = len(m.checks)+len(m.watched) > 0; m.checked {
		m.asking = 1
	}
}

// Asking are the checks that are to be asked now, in the order of the file:
// those of runs that live and are not being stopped, and the task's own from the
// first start of a process on. The others of a process wait for its startup
// checks. Nothing is asked of a task that is paused or ending.
func (m *Machine) Asking() []Asked {
	if !m.checked || m.quiet() {
		return nil
	}
	var all []Asked
	add := func(process string, run int, name string) {
		id := CheckID{process, name}
		all = append(all, Asked{CheckID: id, Run: run, Snoozed: m.snoozed(id)})
	}
	for _, i := range m.watched {
		p := &m.procs[i]
		run := p.live()
		if !p.askable(run) {
			continue
		}
		up := p.startedUp(run)
		for _, c := range p.checks {
			if (c.def.Role == task.Startup) != up {
				add(p.def.Name, run.Run, c.def.Name)
			}
		}
	}
	for _, c := range m.checks {
		if m.begun() {
			add("", 0, c.def.Name)
		}
	}
	return all
}

// begun says that an ordinary process has once been started.
func (m *Machine) begun() bool {
	return slices.ContainsFunc(m.procs, func(p process) bool { return p.started && !p.def.Final })
}

// quiet says that nothing is asked now, and no answer counts.
func (m *Machine) quiet() bool {
	return m.Phase() != Active || m.Pause != nil || m.Kill != nil || m.Sick != nil
}

// AskingChanged is another number whenever Asking may answer otherwise than
// before; 0 for ever for a task without checks.
func (m *Machine) AskingChanged() uint64 { return m.asking }

// reask notes that a record may have changed what is to be asked.
func (m *Machine) reask(r Record) {
	switch r := r.(type) {
	case TakenUp, KillAsked, Cleaning, PauseAsked, UnpauseAsked, Snapshot, SnapshotRest:
		m.asking++
	case Started:
		m.reaskOf(r.Process)
	case PreStopping:
		m.reaskOf(r.Process)
	case Stopping:
		m.reaskOf(r.Process)
	case Killing:
		m.reaskOf(r.Process)
	case Ended:
		m.reaskOf(r.Process)
	}
}

// reaskOf notes it of a process: it has checks, or may be the first to start.
func (m *Machine) reaskOf(name string) {
	p := &m.procs[m.index[name]]
	if len(p.checks) > 0 || len(m.checks) > 0 && !p.started {
		m.asking++
	}
}

func (p *process) askable(run *Run) bool {
	return run != nil && run.State == Running && !run.leaving() && run.Sick == nil && !p.oldBoot
}

// startedUp says that the run has passed the startup checks of its process.
func (p *process) startedUp(run *Run) bool {
	for _, c := range p.checks {
		if c.def.Role == task.Startup && run.verdict(c.def.Name) != judge.Healthy {
			return false
		}
	}
	return true
}

// healthy says that all checks of the process have passed, of that run.
func (p *process) healthy(run *Run) bool {
	for _, c := range p.checks {
		if run.verdict(c.def.Name) != judge.Healthy {
			return false
		}
	}
	return len(p.checks) > 0
}

func (r *Run) verdict(name string) judge.Verdict {
	if s := stateOf(r.Checks, name); s != nil {
		return s.Judged.Verdict
	}
	return judge.Starting
}

func stateOf(states []CheckState, name string) *CheckState {
	for i := range states {
		if states[i].Name == name {
			return &states[i]
		}
	}
	return nil
}

// snoozed says that a person wants no verdict of a check now.
func (m *Machine) snoozed(id CheckID) bool { return m.snoozedAt(id, m.at) }

// snoozedAt says so of a moment.
func (m *Machine) snoozedAt(id CheckID, at Instant) bool {
	return slices.ContainsFunc(m.Snoozes, func(s Snooze) bool { return s.covers(id) && s.At.Boot <= at.Boot })
}

func (s *Snoozed) covers(id CheckID) bool {
	return s.Process == "" && s.Check == "" || s.Process == id.Process && (s.Check == "" || s.Check == id.Check)
}

// Consider is the record to write now for the answers to a check that have been
// gathered since its last one, oldest first. ok is false while they change
// nothing, begin or end no snooze and are few, and of a run that is not asked any
// more. An answer that came after somebody had snoozed the check is Snoozed,
// whatever it was.
func (m *Machine) Consider(id CheckID, run int, gathered ...Answer) (r Answered, ok bool) {
	c, was := m.toJudge(id, run)
	if c == nil || len(gathered) == 0 {
		return Answered{}, false
	}
	r = Answered{CheckID: id, Run: run, State: was.Judged}
	for _, a := range gathered {
		if a.Outcome != judge.Snoozed && m.snoozedAt(id, a.At) {
			a.Outcome, ok = judge.Snoozed, true
		}
		state, why := c.rule.Judge(r.State, a.Outcome, a.At.Boot)
		if r.State, r.Answers = state, append(r.Answers, a); why != "" {
			r.Why = why
		}
		if state.Verdict != judge.Unhealthy {
			r.Why = ""
		} else if c.acts() || a.Outcome == judge.Misconfigured {
			ok = true
			break // what comes after it is of no account
		}
	}
	wakes := was.dozes() != (r.Answers[len(r.Answers)-1].Outcome == judge.Snoozed)
	return r, ok || wakes || r.State != was.Judged || len(gathered) >= gatheredAnswers
}

// dozes says that the last answer was that the check is snoozed.
func (s *CheckState) dozes() bool {
	n := len(s.Answers)
	return n > 0 && s.Answers[n-1].Outcome == judge.Snoozed
}

// acts says that an unhealthy verdict is acted upon.
func (c *check) acts() bool { return c.def.Action != task.NoAction }

// toJudge is a check and how it stands, nil if nothing that it answers counts.
func (m *Machine) toJudge(id CheckID, run int) (*check, *CheckState) {
	if m.quiet() {
		return nil, nil
	}
	checks, states := m.checks, m.Checks
	if id.Process != "" {
		p, of := m.find(task.RunID{Process: id.Process, Run: run})
		if p == nil || of == nil || !p.askable(of) {
			return nil, nil
		}
		checks, states = p.checks, of.Checks
	}
	for i := range checks {
		if checks[i].def.Name == id.Check {
			if s := stateOf(states, id.Check); s != nil {
				return &checks[i], s
			}
			return &checks[i], &CheckState{}
		}
	}
	return nil, nil
}
