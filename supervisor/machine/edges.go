package machine

import "github.com/dewarhq/dewar/task"

// inEdge gates the starts of the process that has it.
type inEdge struct {
	from int
	when task.When
}

// What somebody may wait for in a run that lives.
const (
	ready = iota
	healthy
)

// What a process does that has lost what it depends on.
const (
	stopped = iota
	restarted
	ignores
)

func loss(o task.OnLost) int {
	switch o {
	case task.LostStop:
		return stopped
	case task.LostRestart:
		return restarted
	}
	return ignores
}

// outEdge is the same edge, seen from its predecessor.
type outEdge struct {
	to   int
	when task.When
	loss int  // what the successor does when it is no longer satisfied
	ok   bool // satisfied
}

// meets says which kinds of edges a predecessor satisfies. The table is in the
// package's comment.
type meets struct{ started, ready, healthy, success, exit bool }

func (e meets) satisfies(when task.When) bool {
	switch when {
	case task.WhenStarted:
		return e.started
	case task.WhenReady:
		return e.ready
	case task.WhenHealthy:
		return e.healthy
	case task.WhenSuccess, "":
		return e.success
	case task.WhenExit:
		return e.exit
	}
	return false
}

func (p *process) meets() meets {
	last := p.latest()
	e := meets{started: p.started, exit: p.over != ""}
	if last == nil {
		return e
	}
	said := last.Ready != (Instant{})
	if p.over == OverFinished {
		e.ready, e.success = said, last.State == RunSuccess
	} else if last.Live() {
		e.ready = said && !last.leaving()
		e.healthy = !last.leaving() && last.Sick == nil && p.healthy(last)
	}
	return e
}

// link builds the graph.
func (m *Machine) link(edges [][]task.Edge) {
	for to, list := range edges {
		for _, e := range list {
			from := m.index[e.Process]
			m.procs[to].in = append(m.procs[to].in, inEdge{from, e.When})
			m.procs[to].unmet++
			m.procs[from].out = append(m.procs[from].out, outEdge{to: to, when: e.When, loss: loss(e.OnLost)})
			if l := loss(e.OnLost); l != ignores {
				m.procs[to].lost[l]++
			}
			switch e.When {
			case task.WhenReady:
				m.procs[from].awaited[ready] = true
			case task.WhenHealthy:
				m.procs[from].awaited[healthy] = true
			}
		}
	}
}

// tell lets the successors of process i know which of their edges it now
// satisfies.
func (m *Machine) tell(i int) {
	p := &m.procs[i]
	now := p.meets()
	if now == p.met {
		return
	}
	p.met = now
	for j := range p.out {
		e := &p.out[j]
		ok := now.satisfies(e.when)
		if ok == e.ok {
			continue
		}
		e.ok = ok
		change := 1
		if ok {
			change = -1
		}
		to := &m.procs[e.to]
		to.unmet += change
		if e.loss != ignores {
			to.lost[e.loss] += change
		}
		if run := to.live(); run != nil && e.loss == restarted {
			run.Bereft = run.Bereft || !ok
			run.Rejoined = run.Bereft && to.lost[restarted] == 0
		}
		m.restand(e.to)
	}
}

// raise computes who is up: who lives, and everyone whom such a one started
// after. On the way down nobody is told to stop before those above are gone.
func (m *Machine) raise() {
	var todo []int
	for i := range m.procs {
		p := &m.procs[i]
		p.above, p.up = 0, p.alive()
		if p.up {
			todo = append(todo, i)
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, e := range m.procs[i].in {
			before := &m.procs[e.from]
			before.above++
			if !before.up {
				before.up = true
				todo = append(todo, e.from)
			}
		}
	}
}

// lower follows a death in CLEANING: whoever has nobody above any more may be
// told to stop, or is down itself.
func (m *Machine) lower(i int) {
	todo := []int{i}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		p := &m.procs[i]
		if !p.up || p.above > 0 || p.alive() {
			continue
		}
		p.up = false
		for _, e := range p.in {
			m.procs[e.from].above--
			m.restand(e.from)
			todo = append(todo, e.from)
		}
	}
}
