package machine

import "slices"

// plan is what Decide must know of all ordinary, or of all final processes
// without walking them.
type plan struct {
	size    int
	started int // runs that were ever started
	live    int // runs
	alive   int // processes of which something lives
	needed  int // processes that the plan waits for
	hope    int // of them, those that run or may run
	failed  int // for good
	due     set // may start, if there is room
	floors  timers
}

const (
	ordinary = 0
	final    = 1
)

func newPlan(n int) plan { return plan{due: newSet(n), floors: newTimers(n)} }

// complete says that every process that counts is finished or failed.
func (pl *plan) complete() bool { return pl.needed == 0 }

// stuck says that nothing but a person can bring the plan on.
func (pl *plan) stuck() bool { return pl.needed > 0 && pl.hope == 0 }

// standing is where a process stands, as far as the sets must know.
type standing struct {
	live, alive, needed, hope, failed bool

	due   bool  // it may start when its floor has passed
	floor int64 // 0: past
	wake  int64 // 0: none
	stop  bool  // something of it is to be told to stop now
}

func (m *Machine) planOf(p *process) *plan {
	if p.def.Final {
		return &m.plans[final]
	}
	return &m.plans[ordinary]
}

// current says that the process' plan is the one that runs.
func (m *Machine) current(p *process) bool {
	if p.def.Final {
		return m.Phase() == StateFinalizing
	}
	return m.Phase() == Active
}

func (m *Machine) standing(p *process) standing {
	run := p.live()
	free := p.over == "" && p.unmet == 0
	s := standing{
		live:   run != nil,
		alive:  p.alive(),
		needed: p.over == "" && !p.def.Ephemeral,
		failed: p.over == OverFailed,
		due:    free && run == nil && p.heldBy == "" && !p.emptying(),
		floor:  p.floor,
	}
	s.hope = s.needed && (free || run != nil || p.heldBy != "")
	if m.Clearing || m.terminal() || p.oldBoot {
		return s // whatever lives is dead already, or as good as dead
	}
	s.wake = m.wake(p, run)
	s.stop = m.toStop(p, run)
	return s
}

// emptying says that the next run must wait until what an earlier one left
// behind, and what is being killed, is gone.
func (p *process) emptying() bool {
	if p.def.Leave {
		return false
	}
	for _, run := range p.strays {
		if run.LeftKill != "" {
			return true
		}
	}
	return false
}

// wake is when time alone calls for a stop or a kill.
func (m *Machine) wake(p *process, run *Run) int64 {
	var first int64
	by := func(boot int64) {
		if boot = max(boot, past); first == 0 || boot < first {
			first = boot
		}
	}
	if run != nil && run.Kill == "" {
		if run.Stop != nil {
			by(run.Stop.By)
		} else if run.parting() {
			by(run.partBy())
		} else if m.unready(p, run) {
			by(p.readyBy(run))
		}
	}
	for _, left := range p.strays {
		if left.LeftStop != nil && left.LeftKill == "" {
			by(left.LeftStop.By)
		}
	}
	return first
}

// unready says that somebody waits for the run to be ready, but not for ever.
func (m *Machine) unready(p *process, run *Run) bool {
	if m.Pause != nil || !m.current(p) || p.def.ReadyTimeout <= 0 || run.State != Running {
		return false
	}
	lacks := p.lacks(run)
	return lacks != "" && (lacks != "healthy" || !slices.ContainsFunc(m.Snoozes, p.snoozedBy))
}

// lacks is what of a run somebody waits for, and that it never was so far; ""
// if nobody does.
func (p *process) lacks(run *Run) string {
	switch {
	case p.awaited[ready] && run.Ready == (Instant{}):
		return "ready"
	case p.awaited[healthy] && run.Healthy == (Instant{}):
		return "healthy"
	}
	return ""
}

// missed is what a run was not in time that was stopped for it; it may have said
// meanwhile that it is ready.
func (p *process) missed(run *Run) string {
	if lacks := p.lacks(run); lacks != "" {
		return lacks
	}
	return "ready"
}

// toStop says that something of the process is to be told to stop now.
func (m *Machine) toStop(p *process, run *Run) bool {
	switch m.Phase() {
	case Active:
		return run.stoppable() && !p.def.Final && (p.heldBy != "" || p.again || m.Pause == nil && p.toRestart(run))
	case StateCleaning:
		if p.above > 0 || m.callsFirst() {
			return false
		}
		if run.stoppable() {
			return true
		}
		for _, left := range p.strays {
			if left.LeftStop == nil && left.LeftKill == "" {
				return true
			}
		}
	}
	return false
}

// toRestart says that a run cannot go on as it is: it is unhealthy, or what it
// depends on is lost or new. While it stands still it could not stop.
func (p *process) toRestart(run *Run) bool {
	return run.Sick != nil || run.Rejoined || p.lost[stopped] > 0
}

// stoppable says that the run lives and was not told to stop yet.
func (r *Run) stoppable() bool {
	return r != nil && r.Live() && !r.leaving()
}

// restand brings the sets up to date after a change of process i.
func (m *Machine) restand(i int) {
	p := &m.procs[i]
	was, is := p.last, m.standing(p)
	if was == is {
		return
	}
	p.last = is
	pl := m.planOf(p)
	count(&pl.live, was.live, is.live)
	count(&pl.alive, was.alive, is.alive)
	count(&pl.needed, was.needed, is.needed)
	count(&pl.hope, was.hope, is.hope)
	count(&pl.failed, was.failed, is.failed)
	pl.due.put(i, is.due && is.floor <= m.at.Boot)
	if is.due && is.floor > m.at.Boot {
		pl.floors.set(i, is.floor)
	} else {
		pl.floors.set(i, 0)
	}
	m.wakes.set(i, is.wake)
	m.stops.put(i, is.stop)
	m.alive.put(i, is.alive)
}

func count(n *int, was, is bool) {
	if is && !was {
		*n++
	}
	if was && !is {
		*n--
	}
}

// restandAll does so for all, after a change that concerns all.
func (m *Machine) restandAll() {
	if m.Phase() == StateCleaning {
		m.raise()
	}
	for i := range m.procs {
		m.restand(i)
	}
}

// changed follows a change of one process: its successors' edges, who may be
// stopped, its own place in the sets.
func (m *Machine) changed(i int) {
	m.restand(i)
	m.tell(i)
	if m.Phase() == StateCleaning {
		m.lower(i)
	}
}

// ripen notes whose floor has passed.
func (m *Machine) ripen(now int64) {
	for i := range m.plans {
		pl := &m.plans[i]
		for len(pl.floors.heap) > 0 && pl.floors.heap[0].boot <= now {
			j := pl.floors.heap[0].i
			pl.floors.set(j, 0)
			pl.due.put(j, true)
		}
	}
}
