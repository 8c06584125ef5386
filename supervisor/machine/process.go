package machine

import (
	"slices"

	"github.com/dewarhq/dewar/task"
)

// process is one node of the graph with what is folded of it.
type process struct {
	def     task.Process
	in      []inEdge
	out     []outEdge
	checks  []check
	awaited [2]bool // somebody waits for it to be ready, to be healthy

	history  []*Run // that are kept, oldest first
	strays   []*Run // of them, those that have ended and left something behind
	runs     int    // so far
	failures int
	over     Over
	heldBy   string // "" unless held
	again    bool   // a person wants another run when this one has ended
	floor    int64  // boot time before which the next run does not start; 0: past
	delay    task.Duration
	started  bool // a run of it has once been started
	oldBoot  bool // its live run is of an earlier boot, and dead

	// Computed.
	unmet int      // edges that are not satisfied
	met   meets    // which edges it satisfies
	lost  [2]int   // of them, those with on_lost stop, and restart
	above int      // in CLEANING: edges to successors that are up
	up    bool     // in CLEANING: it lives, or one that started after it does
	last  standing // as the sets have it
}

const keptRuns = 20

// live is the run that has not ended, nil if there is none.
func (p *process) live() *Run {
	if last := p.latest(); last != nil && last.Live() {
		return last
	}
	return nil
}

// latest is the last run, nil if there was none.
func (p *process) latest() *Run {
	if len(p.history) == 0 {
		return nil
	}
	return p.history[len(p.history)-1]
}

func (p *process) id(run *Run) task.RunID {
	return task.RunID{Process: p.def.Name, Run: run.Run}
}

// alive says that something of the process lives, whether a run or what one
// has left behind.
func (p *process) alive() bool { return p.live() != nil || len(p.strays) > 0 }

// fork begins a run and forgets the runs that need not be kept any more.
func (p *process) fork(at Instant) {
	for i := 0; len(p.checks) > 0 && i < len(p.history)-1; i++ {
		p.history[i].Checks = nil
	}
	p.history = append(p.history, &Run{Run: p.runs, State: Forked, Forked: at})
	p.runs++
	p.forget()
}

func (p *process) forget() {
	if len(p.history) <= keptRuns {
		return
	}
	failure := p.firstFailure()
	oldest := p.runs - keptRuns
	p.history = slices.DeleteFunc(p.history, func(run *Run) bool {
		return run.Run < oldest && run != failure && run.Left == 0
	})
}

// firstFailure is never forgotten, so it is the first in the history too.
func (p *process) firstFailure() *Run {
	for _, run := range p.history {
		if run.State == RunFailed {
			return run
		}
	}
	return nil
}

// keepTail drops every stderr but the first failure's and the given run's.
func (p *process) keepTail(last *Run) {
	if last.Tail == "" {
		return
	}
	failure := p.firstFailure()
	for _, run := range p.history {
		if run != failure && run != last {
			run.Tail = ""
		}
	}
}

// leaves notes how many descendants an ended run has left behind.
func (p *process) leaves(run *Run, left int) {
	run.Left = max(0, left)
	p.strays = slices.DeleteFunc(p.strays, func(r *Run) bool { return r == run })
	if run.Left > 0 {
		p.strays = append(p.strays, run)
		return
	}
	p.forget()
}

// revive makes a process runnable again as if it had never failed.
func (p *process) revive() {
	p.over, p.failures, p.delay, p.floor = "", 0, floorOf(p.def), 0
}

// retire says that the process will not run again by itself.
func (p *process) retire(over Over) { p.over, p.heldBy, p.floor = over, "", 0 }

// ask notes that a person wants a signal sent to a run.
func (r *Run) ask(s task.Signal) {
	for i := range r.Signals {
		if r.Signals[i].Signal == s {
			r.Signals[i].Times++
			return
		}
	}
	r.Signals = append(r.Signals, Sent{Signal: s, Times: 1})
}

// asked says that a person wanted the signal of that number sent.
func (r *Run) asked(number int) bool {
	return slices.ContainsFunc(r.Signals, func(s Sent) bool { return s.Signal.Number() == number })
}

func (r *Run) clone() Run {
	c := *r
	c.Signals, c.Evidence = slices.Clone(r.Signals), slices.Clone(r.Evidence)
	c.Exit, c.Stop, c.LeftStop, c.OOM = clone(r.Exit), clone(r.Stop), clone(r.LeftStop), clone(r.OOM)
	c.Thinned, c.PreStop, c.Sick = clone(r.Thinned), clone(r.PreStop), clone(r.Sick)
	c.Checks = slices.Clone(r.Checks)
	return c
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
