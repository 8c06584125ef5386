package machine

import (
	"slices"

	"github.com/dewarhq/dewar/task"
)

// reference is the machine once more, slow and plain: for every question it
// reads all records from the first, keeps no counters and no sets, and answers
// each rule by looking at everything. The properties hold the machine to it.
type reference struct {
	task  task.Task
	edges [][]task.Edge
	full  bool

	procs    map[string]*refProcess
	phase    TaskState
	boot     string
	epoch    int // how many boots before this one
	kill     *KillAsked
	budget   moment
	result   TaskState
	clearing bool
	cleared  bool
	swept    bool

	calls  []refCall
	parted bool

	whole     refHealth
	misjudged bool // a verdict ends the task
	snoozes   []refSnooze

	paused   bool
	pausedAt int64
	unfit    bool // over its disk, denied, or starved while all are to die with one
}

// moment is a boot time in one of several boots.
type moment struct {
	epoch int
	boot  int64
}

func (m moment) passed(epoch int, now int64) bool { return m.epoch < epoch || m.boot <= now }

func (m moment) before(o moment) bool {
	return m.epoch < o.epoch || m.epoch == o.epoch && m.boot < o.boot
}

type refProcess struct {
	def      task.Process
	edges    []task.Edge
	runs     []*refRun
	failures int
	over     string // "finished", "failed"
	held     bool
	again    bool
	waived   bool // the floor is
	doubled  int
}

type refRun struct {
	epoch    int
	forked   int64
	started  *int64
	ready    bool
	parting  *moment // its pre_stop ends by then; cut short, when it has ended
	stop     *moment
	killed   bool
	cause    Cause // of its pre_stop
	notReady bool
	end      *Ended
	ended    moment
	left     int
	leftStop *moment
	leftKill bool
	stood    int64 // for so long it was paused, or could not be healthy

	refHealth
	wasHealthy bool
	bereft     bool // an edge with on_lost: restart was lost
}

func (p *refProcess) last() *refRun {
	if len(p.runs) == 0 {
		return nil
	}
	return p.runs[len(p.runs)-1]
}

func (p *refProcess) live() *refRun {
	if r := p.last(); r != nil && r.end == nil {
		return r
	}
	return nil
}

func refer(t task.Task, entries []Entry, full bool) *reference {
	r := &reference{task: t, edges: t.Edges(), full: full, procs: make(map[string]*refProcess)}
	for i, def := range t.Processes {
		r.procs[def.Name] = &refProcess{def: def, edges: r.edges[i]}
	}
	for _, e := range entries {
		r.read(e.At.Boot, e.Record)
		r.look()
	}
	return r
}

func (r *reference) read(at int64, rec Record) {
	switch rec := rec.(type) {
	case Created:
		r.phase = Active
	case TakenUp:
		r.takenUp(rec)
	case KillAsked:
		r.goOn(at)
		if r.kill == nil {
			r.kill = &rec
		}
		if until := (moment{r.epoch, at + int64(max(0, rec.Grace))}); r.budget == (moment{}) || until.before(r.budget) {
			r.budget = until
			r.hasten(at)
		}
	case PauseAsked:
		r.paused, r.pausedAt = true, at
	case UnpauseAsked:
		r.goOn(at)
	case OverDisk:
		r.unfit = r.unfit || r.task.DiskAction != task.DiskWarn
	case Denied:
		r.unfit = true
	case ResizeAsked, Unkillable:
	case Cleaning:
		r.goOn(at)
		r.phase, r.result, r.budget = StateCleaning, rec.Result, moment{r.epoch, rec.By}
		for _, p := range r.procs {
			p.again = false
		}
		r.hasten(at)
	case Calling, Called, Parted, PreStopping, PreStopped:
		r.readFarewell(at, rec)
	case Answered, Snoozed, Unsnoozed:
		r.readCheck(at, rec)
	case Finalizing:
		r.phase = StateFinalizing
	case Clearing:
		r.clearing = true
	case Cleared:
		r.clearing, r.cleared = false, true
		r.swept = r.swept || r.phase == StateFinalizing
		r.nothingIsLeft()
	case Finished:
		r.phase = rec.State
	case RestartAsked:
		r.procs[rec.Process].wanted()
	case StartAsked:
		r.procs[rec.Process].wanted()
	case StopAsked:
		p := r.procs[rec.Process]
		p.held, p.again = true, false
	default:
		r.readRun(at, rec)
	}
}

// goOn ends a pause. While it lasted nobody was late.
func (r *reference) goOn(at int64) {
	if !r.paused {
		return
	}
	r.paused = false
	for _, p := range r.procs {
		if run := p.live(); run != nil && run.started != nil {
			run.stood += max(0, at-r.pausedAt)
		}
	}
}

func (r *reference) takenUp(rec TakenUp) {
	if r.boot != "" && r.boot != rec.BootID {
		r.epoch++
		r.whole, r.snoozes = refHealth{}, nil
		r.nothingIsLeft()
	}
	r.boot = rec.BootID
}

func (r *reference) nothingIsLeft() {
	for _, p := range r.procs {
		for _, run := range p.runs {
			run.left = 0
		}
	}
}

// wanted is what a restart and a start do.
func (p *refProcess) wanted() {
	p.held = false
	if p.live() != nil {
		p.again = true
		return
	}
	p.fresh()
}

func (p *refProcess) fresh() {
	if p.over != "" {
		p.over, p.failures, p.doubled = "", 0, 0
	}
	p.waived = true
}

func (r *reference) readRun(at int64, rec Record) {
	switch rec := rec.(type) {
	case Forking:
		p := r.procs[rec.Process]
		p.runs = append(p.runs, &refRun{epoch: r.epoch, forked: at})
		p.waived, r.cleared = false, false
	case Started:
		t := rec.At.Boot
		if rec.At == (Instant{}) || t > at {
			t = at
		}
		r.run(rec.RunID).started = &t
	case Ready:
		r.run(rec.RunID).ready = true
	case Stopping:
		run, until := r.run(rec.RunID), moment{r.epoch, rec.By}
		if run.end == nil {
			run.stop, run.notReady = &until, rec.Cause == CauseNotReady
		} else {
			run.leftStop = &until
		}
	case Killing:
		if run := r.run(rec.RunID); run.end == nil {
			run.killed = true
		} else {
			run.leftKill = true
		}
	case Emptied:
		r.run(rec.RunID).left = 0
	case Ended:
		r.ended(at, rec)
	}
}

func (r *reference) run(id task.RunID) *refRun { return r.procs[id.Process].runs[id.Run] }

func (r *reference) ended(at int64, rec Ended) {
	p, run := r.procs[rec.Process], r.run(rec.RunID)
	t := rec.At.Boot
	if rec.At == (Instant{}) || t > at && run.epoch == r.epoch {
		t = at
	}
	r.unfit = r.unfit || r.task.OOM == task.OOMTask && rec.OOM != nil && rec.OOM.Kills > 0 && rec.State == RunFailed
	run.end, run.ended, run.left = &rec, moment{run.epoch, t}, rec.Left
	long := false
	if b := p.def.Backoff; b != nil && run.started != nil && !(rec.State == RunLost && run.epoch < r.epoch) {
		long = b.Reset > 0 && t-*run.started >= int64(b.Reset)
	}
	if long {
		p.doubled = 0
	} else if rec.State == RunFailed {
		p.doubled++
	}
	switch rec.State {
	case RunSuccess:
		if !p.def.Daemon {
			p.over = "finished"
		}
	case RunFailed:
		p.failures++
		if p.def.MaxFailures > 0 && p.failures >= p.def.MaxFailures {
			p.over = "failed"
			if p.def.Ephemeral {
				p.over = "finished"
			}
		}
	}
	if p.over != "" {
		p.held = false
	}
	if p.again {
		p.again = false
		p.fresh()
	}
}

// floor is the first moment at which the next run may start.
func (p *refProcess) floor() moment {
	last := p.last()
	if last == nil || p.waived {
		return moment{-1, 0}
	}
	d := int64(p.def.MinDuration)
	if p.def.Backoff != nil {
		for range p.doubled {
			d = max(int64(p.def.MinDuration), min(int64(p.def.Backoff.Max), 2*d))
		}
	}
	return moment{last.ended.epoch, last.ended.boot + d}
}

func (r *reference) satisfied(e task.Edge) bool {
	a := r.procs[e.Process]
	last := a.last()
	switch e.When {
	case task.WhenStarted:
		return slices.ContainsFunc(a.runs, (*refRun).begun)
	case task.WhenReady:
		if a.live() != nil {
			return last.ready && last.parting == nil && last.stop == nil && !last.killed
		}
		return a.over == "finished" && last.ready
	case task.WhenHealthy:
		return a.live() != nil && last.parting == nil && last.stop == nil && !last.killed && !last.sick && a.allHealthy()
	case task.WhenExit:
		return a.over != ""
	}
	return a.over == "finished" && last.end.State == RunSuccess
}

func (r *reference) gated(p *refProcess) bool {
	return slices.ContainsFunc(p.edges, func(e task.Edge) bool { return !r.satisfied(e) })
}

// each calls f for the processes of a plan in the order of the file.
func (r *reference) each(final bool, f func(*refProcess)) {
	for _, def := range r.task.Processes {
		if def.Final == final {
			f(r.procs[def.Name])
		}
	}
}

func (r *reference) complete(final bool) bool {
	complete := true
	r.each(final, func(p *refProcess) { complete = complete && (p.def.Ephemeral || p.over != "") })
	return complete
}

func (r *reference) stuck(final bool) bool {
	hope := false
	r.each(final, func(p *refProcess) {
		hope = hope || !p.def.Ephemeral && p.over == "" && (p.live() != nil || p.held || !r.gated(p))
	})
	return !hope && !r.complete(final)
}

func (r *reference) failed() int {
	n := 0
	r.each(false, func(p *refProcess) {
		if p.over == "failed" {
			n++
		}
	})
	return n
}

func (p *refProcess) alive() bool {
	return p.live() != nil || slices.ContainsFunc(p.runs, func(run *refRun) bool { return run.left > 0 })
}

// above says that one of those that started after p, along any edges, lives.
func (r *reference) above(p *refProcess, seen map[*refProcess]bool) bool {
	for _, q := range r.procs {
		after := slices.ContainsFunc(q.edges, func(e task.Edge) bool { return e.Process == p.def.Name })
		if after && !seen[q] {
			seen[q] = true
			if q.alive() || r.above(q, seen) {
				return true
			}
		}
	}
	return false
}
