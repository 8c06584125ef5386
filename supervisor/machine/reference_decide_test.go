package machine

import (
	"slices"

	"github.com/dewarhq/dewar/task"
)

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
		return append(r.unsnoozings(now), r.work(false, now)...)
	case StateCleaning:
		switch {
		case r.cleared:
			return []Record{Finished{State: r.result}}
		case spent:
			return []Record{Clearing{}}
		case !slices.ContainsFunc(r.task.Processes, func(def task.Process) bool { return r.procs[def.Name].alive() }):
			return []Record{Finalizing{}}
		}
		return append(r.callings(now), r.work(false, now)...)
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
	case r.unfit, r.misjudged:
		c.Result = Failed
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
		cause, wanted = CauseCleanup, !r.calling() && !r.above(p, make(map[*refProcess]bool))
		if r.result == Killed || r.result == Lost {
			cause = CauseKill
		}
	case p.held:
		cause, wanted = CauseStop, true
	case p.again:
		cause, wanted = CauseRestart, true
	case r.phase == Active:
		cause, wanted = r.dismissed(p)
	}
	if run := p.live(); wanted && run != nil && run.epoch == r.epoch && run.parting == nil && run.stop == nil && !run.killed {
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
	if run := p.runs[n]; p.def.PreStop != nil && run.started != nil && run.end == nil {
		if run.parting == nil {
			return PreStopping{task.RunID{Process: p.def.Name, Run: n}, cause, r.half(now, now+int64(p.def.PreStop.Timeout))}
		}
		cause = run.cause
	}
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
		_, dismissed := r.dismissed(p)
		switch {
		case run.stop != nil && run.stop.passed(r.epoch, now):
			records = append(records, Killing{task.RunID{Process: p.def.Name, Run: len(p.runs) - 1}, CauseTimeout})
		case run.stop == nil && run.parting != nil && run.parting.passed(r.epoch, now):
			records = append(records, r.stopRecord(p, len(p.runs)-1, run.cause, now))
		case run.stop == nil && run.parting == nil && r.phase != StateCleaning && !p.held && !p.again && !(r.phase == Active && dismissed) &&
			run.started != nil && !r.paused && p.def.ReadyTimeout > 0 && r.late(p, now):
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
		if room <= 0 || r.full || r.paused || p.over != "" || p.held || p.live() != nil || r.gated(p) || !p.floor().passed(r.epoch, now) {
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
