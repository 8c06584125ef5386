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
	stop     *moment
	killed   bool
	notReady bool
	end      *Ended
	ended    moment
	left     int
	leftStop *moment
	leftKill bool
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
		if r.kill == nil {
			r.kill = &rec
		}
		if until := (moment{r.epoch, at + int64(max(0, rec.Grace))}); r.budget == (moment{}) || until.before(r.budget) {
			r.budget = until
		}
	case Cleaning:
		r.phase, r.result, r.budget = StateCleaning, rec.Result, moment{r.epoch, rec.By}
		for _, p := range r.procs {
			p.again = false
		}
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

func (r *reference) takenUp(rec TakenUp) {
	if r.boot != "" && r.boot != rec.BootID {
		r.epoch++
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
		return slices.ContainsFunc(a.runs, func(run *refRun) bool {
			return run.started != nil || run.end != nil && (run.end.Exit != nil || run.end.Signal != 0)
		})
	case task.WhenReady:
		if a.live() != nil {
			return last.ready && last.stop == nil && !last.killed
		}
		return a.over == "finished" && last.ready
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

// decide is Decide, without the reasons.
func (r *reference) decide(now int64) []Record {
	if r.clearing {
		return nil
	}
	spent := r.budget.passed(r.epoch, now)
	switch r.phase {
	case Active:
		if over, ok := r.over(now); ok {
			return []Record{over}
		}
		return r.work(false, now)
	case StateCleaning:
		switch {
		case r.cleared:
			return []Record{Finished{State: r.result}}
		case spent:
			return []Record{Clearing{}}
		case !slices.ContainsFunc(r.task.Processes, func(def task.Process) bool { return r.procs[def.Name].alive() }):
			return []Record{Finalizing{}}
		}
		return r.work(false, now)
	case StateFinalizing:
		over := r.complete(true) || r.stuck(true) || spent
		switch {
		case !r.swept || over && !r.cleared:
			return []Record{Clearing{}}
		case over:
			return []Record{Finished{State: r.result}}
		}
		return r.work(true, now)
	}
	return nil
}

func (r *reference) over(now int64) (Cleaning, bool) {
	c := Cleaning{By: now + int64(r.task.FinalizationWait)}
	most := r.task.MaxFailures
	switch {
	case r.kill != nil:
		c = Cleaning{Result: Killed, By: past}
		if r.kill.Lose {
			c.Result = Lost
		}
		if r.budget.epoch == r.epoch {
			c.By = r.budget.boot
		}
	case most > 0 && r.failed() >= most:
		c.Result = Failed
	case r.complete(false):
		c.Result = Success
	case r.stuck(false):
		c.Result = Failed
	default:
		return c, false
	}
	return c, true
}

// work is what is done within a phase: stops, kills whose time has come,
// starts.
func (r *reference) work(final bool, now int64) []Record {
	var records []Record
	r.each(final, func(p *refProcess) { records = append(records, r.stops(p, now)...) })
	r.each(final, func(p *refProcess) { records = append(records, r.timeUp(p, now)...) })
	if r.phase == StateCleaning {
		return records
	}
	return append(records, r.starts(final, now)...)
}

func (r *reference) stops(p *refProcess, now int64) []Record {
	var records []Record
	cause, wanted := Cause(""), false
	switch {
	case r.phase == StateCleaning:
		cause, wanted = CauseCleanup, !r.above(p, make(map[*refProcess]bool))
		if r.result == Killed || r.result == Lost {
			cause = CauseKill
		}
	case p.held:
		cause, wanted = CauseStop, true
	case p.again:
		cause, wanted = CauseRestart, true
	}
	if run := p.live(); wanted && run != nil && run.epoch == r.epoch && run.stop == nil && !run.killed {
		records = append(records, r.stopRecord(p, len(p.runs)-1, cause, now))
	}
	for n, run := range p.runs {
		if r.phase == StateCleaning && wanted && !r.dead(p) && run.end != nil && run.left > 0 && run.leftStop == nil && !run.leftKill {
			records = append(records, r.stopRecord(p, n, cause, now))
		}
	}
	return records
}

// dead says that the process' live run is of an earlier boot; nothing is
// decided about the process until the run's end is known.
func (r *reference) dead(p *refProcess) bool { return p.live() != nil && p.live().epoch < r.epoch }

func (r *reference) stopRecord(p *refProcess, n int, cause Cause, now int64) Record {
	by := now + int64(p.def.StopTimeout)
	if r.phase != Active {
		by = min(by, r.budget.boot)
	}
	return Stopping{task.RunID{Process: p.def.Name, Run: n}, cause, p.def.StopSignal, by}
}

func (r *reference) timeUp(p *refProcess, now int64) []Record {
	if r.dead(p) {
		return nil
	}
	var records []Record
	if run := p.live(); run != nil && !run.killed {
		awaited := false
		for _, list := range r.edges {
			for _, e := range list {
				awaited = awaited || e.Process == p.def.Name && e.When == task.WhenReady
			}
		}
		switch {
		case run.stop != nil && run.stop.passed(r.epoch, now):
			records = append(records, Killing{task.RunID{Process: p.def.Name, Run: len(p.runs) - 1}, CauseTimeout})
		case run.stop == nil && r.phase != StateCleaning && !p.held && !p.again && awaited && run.started != nil && !run.ready &&
			p.def.ReadyTimeout > 0 && *run.started+int64(p.def.ReadyTimeout) <= now:
			records = append(records, r.stopRecord(p, len(p.runs)-1, CauseNotReady, now))
		}
	}
	for n, run := range p.runs {
		if run.end != nil && run.left > 0 && run.leftStop != nil && !run.leftKill && run.leftStop.passed(r.epoch, now) {
			records = append(records, Killing{task.RunID{Process: p.def.Name, Run: n}, CauseTimeout})
		}
	}
	return records
}

func (r *reference) starts(final bool, now int64) []Record {
	room := 1 << 30
	if r.task.MaxConcurrency > 0 {
		room = r.task.MaxConcurrency
	}
	r.each(final, func(p *refProcess) {
		if p.live() != nil {
			room--
		}
	})
	var records []Record
	r.each(final, func(p *refProcess) {
		if room <= 0 || r.full || p.over != "" || p.held || p.live() != nil || r.gated(p) || !p.floor().passed(r.epoch, now) {
			return
		}
		waits := false
		var kills []Record
		for n, run := range p.runs {
			if run.left > 0 && !p.def.Leave {
				waits = waits || run.leftKill
				kills = append(kills, Killing{task.RunID{Process: p.def.Name, Run: n}, CauseNextRun})
			}
		}
		switch {
		case waits:
		case len(kills) > 0:
			records = append(records, kills...)
		default:
			records = append(records, Forking{task.RunID{Process: p.def.Name, Run: len(p.runs)}})
			room--
		}
	})
	return records
}

// withoutReasons is what of the machine's answer the reference answers too.
func withoutReasons(decisions []Decision) []Record {
	var records []Record
	for _, d := range decisions {
		switch r := d.Record.(type) {
		case Cleaning:
			r.Reason = ""
			records = append(records, r)
		case Finished:
			r.Reason = ""
			records = append(records, r)
		default:
			records = append(records, r)
		}
	}
	return records
}
