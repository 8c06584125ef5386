package machine

import (
	"fmt"

	"github.com/dewarhq/dewar/task"
)

// Machine is the folded state of one task. It is not safe for concurrent use.
type Machine struct {
	task  task.Task
	procs []process
	steps []lifecycleStep // of the end, before the signals
	index map[string]int

	head
	rest    int     // SnapshotRest records that must still come
	at      Instant // of the last record
	checks  []check // the task's own
	watched []int   // processes that have checks
	checked bool    // there are checks
	asking  uint64  // see AskingChanged
	unknown string  // type of a record that this version does not know
	full    bool

	// What follows is computed from the above, and kept up to date by restand.
	plans [2]plan // ordinary, final
	wakes timers  // when a run, or what one left behind, is stopped or killed for its time being up
	stops set     // processes of which something is to be told to stop now
	alive set     // processes of which something lives
}

// head is what is folded of the task as a whole; a Snapshot carries it.
type head struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Records  uint64     `json:"records"`
	Stage    TaskState  `json:"state"`
	Since    Instant    `json:"since"`
	Created  Instant    `json:"created"`
	Brain    *Brain     `json:"brain,omitempty"`
	Kill     *AskedKill `json:"kill,omitempty"`
	Budget   int64      `json:"budget,omitempty"` // boot time at which the budget is spent; 0: none yet
	Result   TaskState  `json:"result,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Clearing bool       `json:"clearing,omitempty"` // a Clearing is not answered yet
	Cleared  bool       `json:"cleared,omitempty"`  // a Cleared follows the last start
	Swept    bool       `json:"swept,omitempty"`    // a Cleared came after the ordinary plan: the final plan may run

	Pause   *AskedPause               `json:"pause,omitempty"`
	Resized map[string]task.Resources `json:"resized,omitempty"` // what people have changed, by process; "": the task's. Replaced, never changed
	Disk    *OverDisk                 `json:"disk,omitempty"`    // the last one
	Starved *task.RunID               `json:"starved,omitempty"` // the last run that failed for want of memory
	Denied  string                    `json:"denied,omitempty"`  // why the task cannot have what it asked to live in
	Undead  []Undead                  `json:"undead,omitempty"`  // they were killed and live
	Checks  []CheckState              `json:"checks,omitempty"`  // the task's own; replaced, never changed
	Snoozes []Snooze                  `json:"snoozes,omitempty"` // likewise
	Sick    *Sickness                 `json:"sick,omitempty"`    // the verdict that ends the task

	Calls  []LifecycleCall `json:"calls,omitempty"`  // of a task that ends
	Parted bool            `json:"parted,omitempty"` // these are over
}

// past is a boot time that has passed, whenever one asks.
const past = 1

// New is the machine of a task without any record.
func New(t task.Task) *Machine {
	n := len(t.Processes)
	m := &Machine{
		task:  t,
		procs: make([]process, n),
		index: make(map[string]int, n),
		wakes: newTimers(n),
		stops: newSet(n),
		alive: newSet(n),
	}
	for i := range m.plans {
		m.plans[i] = newPlan(n)
	}
	for i := range m.procs {
		def := t.Processes[i]
		if def.StopSignal.Number() == 0 {
			def.StopSignal = "TERM"
		}
		if def.StopTo == "" {
			def.StopTo = task.StopGroup
		}
		m.procs[i] = process{def: def, delay: floorOf(def), checks: checksOf(def.Checks...)}
		if _, taken := m.index[def.Name]; taken {
			m.procs[i].over = OverFinished // validation refuses it; no record could name it
			continue
		}
		m.index[def.Name] = i
		m.planOf(&m.procs[i]).size++
	}
	m.steps = lifecycle(&m.task)
	m.setChecks()
	m.link(t.Edges())
	m.restandAll()
	return m
}

// Apply folds a record. After an error the machine is as it was.
func (m *Machine) Apply(at Instant, r Record) error {
	if r == nil {
		return fmt.Errorf("apply a record: there is none")
	}
	if err := m.legal(r); err != nil {
		return fmt.Errorf("apply a record of type %q: %w", TypeOf(r), err)
	}
	m.fold(at, r)
	m.ripen(at.Boot)
	return nil
}

// Seq is the number of the last record, 0 before the first: the next one is
// encoded with Seq()+1.
func (m *Machine) Seq() uint64 { return m.Records }

// Phase is the task's state; State().State without the cost. It is empty
// before the first record.
func (m *Machine) Phase() TaskState { return m.Stage }

// BootID is the boot in which the task was taken up last, "" before that.
func (m *Machine) BootID() string {
	if m.Brain == nil {
		return ""
	}
	return m.Brain.BootID
}

// SetFull says that the disk is full, or has room again.
func (m *Machine) SetFull(full bool) { m.full = full }

// Live are the runs that have not ended.
func (m *Machine) Live() []task.RunID {
	var ids []task.RunID
	for i := m.alive.next(0); i >= 0; i = m.alive.next(i + 1) {
		if run := m.procs[i].live(); run != nil {
			ids = append(ids, m.procs[i].id(run))
		}
	}
	return ids
}

// Strays are the ended runs that have left descendants which live on.
func (m *Machine) Strays() []task.RunID {
	var ids []task.RunID
	for i := m.alive.next(0); i >= 0; i = m.alive.next(i + 1) {
		for _, run := range m.procs[i].strays {
			ids = append(ids, m.procs[i].id(run))
		}
	}
	return ids
}

// Run is one run, if it is kept.
func (m *Machine) Run(id task.RunID) (Run, bool) {
	if _, run := m.find(id); run != nil {
		return run.clone(), true
	}
	return Run{}, false
}

// Keeps says whether a run's directory and logs stay: the last 20 runs of a
// process, its first failure, and whatever is alive.
func (m *Machine) Keeps(id task.RunID) bool {
	_, run := m.find(id)
	return run != nil
}

// find is the process and the run of that name; nil for each that is unknown.
func (m *Machine) find(id task.RunID) (*process, *Run) {
	i, known := m.index[id.Process]
	if !known {
		return nil, nil
	}
	p := &m.procs[i]
	for j := len(p.history) - 1; j >= 0; j-- {
		if p.history[j].Run == id.Run {
			return p, p.history[j]
		}
	}
	return p, nil
}

func (m *Machine) terminal() bool {
	switch m.Phase() {
	case Success, Failed, Killed, Lost:
		return true
	}
	return false
}
