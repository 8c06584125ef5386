package machine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dewarhq/dewar/task"
)

type (
	// Snapshot is the folded state: it stands for all records before it. The
	// processes of a large task come in several records, each well below what
	// a journal takes as one.
	Snapshot struct {
		Format int               `json:"format"` // of the journal: 1
		Head   head              `json:"task"`
		At     Instant           `json:"at"`
		Rest   int               `json:"rest"` // SnapshotRest records that follow
		Procs  []SnapshotProcess `json:"processes"`
	}

	// SnapshotRest belongs to the Snapshot before it.
	SnapshotRest struct {
		Procs []SnapshotProcess `json:"processes"`
	}

	// SnapshotProcess is the folded state of one process that has run, or that
	// a person has touched.
	SnapshotProcess struct {
		Name     string `json:"name"`
		Runs     int    `json:"runs"`
		Failures int    `json:"failures,omitempty"`
		Over     Over   `json:"over,omitempty"`
		HeldBy   string `json:"held_by,omitempty"`
		Again    bool   `json:"again,omitempty"`
		Floor    int64  `json:"floor,omitempty"`
		Delay    int64  `json:"delay"` // nanoseconds
		Started  bool   `json:"started,omitempty"`
		OldBoot  bool   `json:"old_boot,omitempty"`
		History  []Run  `json:"history,omitempty"`
	}
)

// snapshotRoom is about how many bytes of processes one record carries.
const snapshotRoom = 1 << 20

// Snapshot is the folded state as records that stand for all others: one, or
// for a large task several. All are encoded with the number Seq(). It fails
// if the journal has records of an unknown type.
func (m *Machine) Snapshot() ([]Record, error) {
	switch {
	case m.unknown != "":
		return nil, fmt.Errorf("compact the journal: it has records of type %s, which this version does not know", task.Quote(m.unknown))
	case m.Stage == "" || m.rest > 0:
		return nil, errors.New("compact the journal: it has not begun")
	}
	parts, room := [][]SnapshotProcess{nil}, snapshotRoom
	for i := range m.procs {
		p := &m.procs[i]
		if p.untouched() {
			continue
		}
		s, size := p.snapshot()
		if room -= size; room < 0 {
			parts, room = append(parts, nil), snapshotRoom-size
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], s)
	}
	first := Snapshot{Format: journalFormat, Head: m.head.clone(), At: m.at, Rest: len(parts) - 1, Procs: parts[0]}
	records := []Record{first}
	for _, part := range parts[1:] {
		records = append(records, SnapshotRest{part})
	}
	return records, nil
}

func (h head) clone() head {
	h.Brain, h.Kill = clone(h.Brain), clone(h.Kill)
	h.Pause, h.Disk, h.Starved = clone(h.Pause), clone(h.Disk), clone(h.Starved)
	h.Sick, h.Snoozes, h.Checks = clone(h.Sick), slices.Clone(h.Snoozes), slices.Clone(h.Checks)
	h.Undead, h.Calls = slices.Clone(h.Undead), slices.Clone(h.Calls)
	return h
}

func (p *process) untouched() bool {
	return p.runs == 0 && p.heldBy == "" && p.over == "" && p.floor == 0
}

// snapshot is the process' state and about how many bytes it will take.
func (p *process) snapshot() (SnapshotProcess, int) {
	s := SnapshotProcess{
		Name: p.def.Name, Runs: p.runs, Failures: p.failures, Over: p.over, HeldBy: p.heldBy, Again: p.again,
		Floor: p.floor, Delay: int64(p.delay), Started: p.started, OldBoot: p.oldBoot,
	}
	size := 200 + len(s.Name)
	for _, run := range p.history {
		s.History = append(s.History, run.clone())
		size += 700 + 2*len(run.Tail) + 2*len(run.Reason) + 60*len(run.Signals) + 400*len(run.Evidence)
		for _, c := range run.Checks {
			size += 300 + 900*len(c.Answers)
		}
	}
	return s, size
}

func (m *Machine) legalSnapshot(r Snapshot) error {
	if r.Format != journalFormat {
		return fmt.Errorf("the journal has format %d, and this version reads %d", r.Format, journalFormat)
	}
	switch r.Head.Stage {
	case Active, StateCleaning, StateFinalizing, Success, Failed, Killed, Lost:
	default:
		return fmt.Errorf("%s is no state of a task", task.Quote(string(r.Head.Stage)))
	}
	if r.Rest < 0 {
		return fmt.Errorf("it is followed by %d records", r.Rest)
	}
	return m.legalProcesses(r.Procs)
}

// legalRest is for whatever comes where SnapshotRest records are due, and for
// these where they are not.
func (m *Machine) legalRest(r SnapshotRest, is bool) error {
	switch {
	case !is:
		return fmt.Errorf("%d records of the snapshot are missing", m.rest)
	case m.rest == 0:
		return errors.New("it belongs to no snapshot")
	}
	return m.legalProcesses(r.Procs)
}

func (m *Machine) legalProcesses(procs []SnapshotProcess) error {
	seen := make(map[string]bool, len(procs))
	for _, s := range procs {
		i, known := m.index[s.Name]
		switch {
		case !known:
			return fmt.Errorf("there is no process %s", task.Quote(s.Name))
		case seen[s.Name] || !m.procs[i].untouched():
			return fmt.Errorf("process %s comes twice", task.Quote(s.Name))
		}
		seen[s.Name] = true
		if err := s.legal(); err != nil {
			return fmt.Errorf("process %s: %w", task.Quote(s.Name), err)
		}
	}
	return nil
}

func (s SnapshotProcess) legal() error {
	switch s.Over {
	case "", OverFinished, OverFailed:
	default:
		return fmt.Errorf("%s is no way to be over", task.Quote(string(s.Over)))
	}
	next := 0
	for i, run := range s.History {
		switch run.State {
		case Forked, Running:
			if i < len(s.History)-1 {
				return fmt.Errorf("run %d lives and is not the last", run.Run)
			}
			if s.Over != "" {
				return fmt.Errorf("run %d lives and the process is %s", run.Run, s.Over)
			}
		case RunSuccess, RunFailed, RunKilled, RunLost:
		default:
			return fmt.Errorf("run %d is %s, which is no state of a run", run.Run, task.Quote(string(run.State)))
		}
		if run.Run < next || run.Left < 0 {
			return fmt.Errorf("run %d does not follow, or has left %d", run.Run, run.Left)
		}
		next = run.Run + 1
	}
	if s.Runs < 0 || s.Failures < 0 || s.Floor < 0 || len(s.History) > 0 && s.Runs != next || len(s.History) == 0 && s.Runs > 0 {
		return errors.New("its numbers do not fit its runs")
	}
	if s.Over != "" && len(s.History) == 0 {
		return errors.New("it is over and has not run")
	}
	return nil
}

func (m *Machine) restore(r Snapshot) {
	m.head, m.rest, m.at = r.Head.clone(), r.Rest, r.At
	m.restoreProcesses(r.Procs)
}

func (m *Machine) restoreRest(r SnapshotRest) {
	m.rest--
	m.restoreProcesses(r.Procs)
}

func (m *Machine) restoreProcesses(procs []SnapshotProcess) {
	for _, s := range procs {
		p := &m.procs[m.index[s.Name]]
		p.runs, p.failures, p.over, p.heldBy, p.again = s.Runs, s.Failures, s.Over, s.HeldBy, s.Again
		p.floor, p.delay, p.started, p.oldBoot = s.Floor, task.Duration(s.Delay), s.Started, s.OldBoot
		for _, run := range s.History {
			c := run.clone()
			p.history = append(p.history, &c)
			if c.Left > 0 && !c.Live() {
				p.strays = append(p.strays, &c)
			}
		}
		m.planOf(p).started += p.runs
	}
	for i := range m.procs {
		m.tell(i)
	}
	m.restandAll()
}
