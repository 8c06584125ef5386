package machine

import (
	"math"

	"github.com/dewarhq/dewar/task"
)

// Decide proposes what to record and do now, in this order. The loop calls it
// again after it has applied the records, until it is empty.
func (m *Machine) Decide(now Instant) []Decision {
	if m.rest > 0 || m.Clearing {
		return nil
	}
	switch m.Phase() {
	case Active:
		return m.active(now.Boot)
	case StateCleaning:
		return m.cleaning(now.Boot)
	case StateFinalizing:
		return m.finalizing(now.Boot)
	}
	return nil
}

func (m *Machine) active(now int64) []Decision {
	if over, ok := m.over(now); ok {
		return []Decision{{Record: over}}
	}
	d := m.stopping(m.unsnoozing(nil, now), now)
	d = m.waking(d, now)
	return m.starting(d, &m.plans[ordinary], now)
}

func (m *Machine) cleaning(now int64) []Decision {
	switch {
	case m.Cleared:
		return m.finish(skipped)
	case now >= m.Budget:
		return clearing()
	case m.plans[ordinary].alive+m.plans[final].alive == 0:
		return []Decision{{Record: Finalizing{}}}
	}
	return m.waking(m.stopping(m.calling(now), now), now)
}

func (m *Machine) finalizing(now int64) []Decision {
	pl := &m.plans[final]
	spent := now >= m.Budget
	switch {
	case !m.Swept:
		return clearing()
	case (pl.complete() || pl.stuck() || spent) && !m.Cleared:
		return clearing()
	case pl.complete():
		return m.finish("")
	case pl.stuck():
		return m.finish("; the finalizers are stuck: " + m.stuckNames(pl))
	case spent && m.plans[final].started == 0:
		return m.finish(skipped)
	case spent:
		return m.finish("; the finalizers did not end in time")
	}
	return m.starting(m.waking(nil, now), pl, now)
}

func clearing() []Decision { return []Decision{{Clearing{}, Clear{}}} }

const skipped = "; the finalizers were skipped, for the time to end was up"

// finish ends the task. The note is for tasks that have finalizers.
func (m *Machine) finish(note string) []Decision {
	if m.plans[final].size == 0 {
		note = ""
	}
	return []Decision{{Finished{State: m.Result, Reason: m.Reason + note}, End{}}}
}

// stopping tells those to stop who are to.
func (m *Machine) stopping(d []Decision, now int64) []Decision {
	for i := m.stops.next(0); i >= 0; i = m.stops.next(i + 1) {
		p := &m.procs[i]
		if run := p.live(); run.stoppable() {
			d = append(d, m.stop(p, run, m.stopCause(p), now))
		}
		if m.Phase() != StateCleaning {
			continue
		}
		for _, left := range p.strays {
			if left.LeftStop == nil && left.LeftKill == "" {
				d = append(d, m.stop(p, left, m.stopCause(p), now))
			}
		}
	}
	return d
}

func (m *Machine) stopCause(p *process) Cause {
	switch {
	case m.Phase() == StateCleaning && (m.Result == Killed || m.Result == Lost):
		return CauseKill
	case m.Phase() == StateCleaning:
		return CauseCleanup
	case p.heldBy != "":
		return CauseStop
	case p.again:
		return CauseRestart
	case p.live().Sick != nil:
		return CauseHealth
	}
	return CauseLost
}

// stop tells a run to stop, or what it has left behind; that is never one main
// process.
func (m *Machine) stop(p *process, run *Run, cause Cause, now int64) Decision {
	if first, ok := m.preStop(p, run, cause, now); ok {
		return first
	}
	if run.parting() {
		cause = run.PreStop.Cause
	}
	id, s := p.id(run), p.def.StopSignal
	by := later(now, p.def.StopTimeout)
	if m.Phase() != Active {
		by = min(by, m.Budget)
	}
	to := p.def.StopTo
	if !run.Live() {
		to = task.StopGroup
	}
	return Decision{
		Stopping{RunID: id, Cause: cause, Signal: s, By: by},
		Stop{RunID: id, Signal: s, To: to},
	}
}

// waking stops and kills those whose time is up.
func (m *Machine) waking(d []Decision, now int64) []Decision {
	for _, i := range m.wakes.due(now) {
		p := &m.procs[i]
		if run := p.live(); run != nil && run.Kill == "" {
			switch {
			case run.Stop != nil && run.Stop.By <= now:
				d = append(d, kill(p.id(run), CauseTimeout))
			case run.parting():
				if run.partBy() <= now {
					d = append(d, m.stop(p, run, run.PreStop.Cause, now))
				}
			case run.Stop == nil && !m.stops.has(i) && m.unready(p, run) && p.readyBy(run) <= now:
				d = append(d, m.stop(p, run, CauseNotReady, now))
			}
		}
		for _, left := range p.strays {
			if left.LeftStop != nil && left.LeftStop.By <= now && left.LeftKill == "" {
				d = append(d, kill(p.id(left), CauseTimeout))
			}
		}
	}
	return d
}

func kill(id task.RunID, cause Cause) Decision {
	return Decision{Killing{RunID: id, Cause: cause}, Kill{RunID: id}}
}

// starting starts those who may start, in the order of the file, as far as
// max_concurrency allows. Where an earlier run has left something behind, that
// is killed first.
func (m *Machine) starting(d []Decision, pl *plan, now int64) []Decision {
	room := m.room(pl)
	if room == 0 {
		return d
	}
	ripe := pl.floors.due(now)
	i := pl.due.next(0)
	for room > 0 && (i >= 0 || len(ripe) > 0) {
		var next int
		if i < 0 || len(ripe) > 0 && ripe[0] < i {
			next, ripe = ripe[0], ripe[1:]
		} else {
			next, i = i, pl.due.next(i+1)
		}
		p := &m.procs[next]
		if len(p.strays) > 0 && !p.def.Leave {
			for _, left := range p.strays {
				d = append(d, kill(p.id(left), CauseNextRun))
			}
			continue
		}
		id := task.RunID{Process: p.def.Name, Run: p.runs}
		d = append(d, Decision{Forking{id}, Spawn{id}})
		room--
	}
	return d
}

// room is how many runs the plan may start now.
func (m *Machine) room(pl *plan) int {
	switch {
	case m.full || m.Pause != nil:
		return 0
	case m.task.MaxConcurrency <= 0:
		return math.MaxInt
	}
	return max(0, m.task.MaxConcurrency-pl.live)
}

// Deadline is the boot time at which Decide, empty now, will say something by
// time alone; ok is false if it needs a new record for that.
func (m *Machine) Deadline() (boot int64, ok bool) {
	if m.rest > 0 || m.Clearing || m.Phase() == "" || m.terminal() {
		return 0, false
	}
	first := m.wakes.first()
	add := func(t int64) {
		if t != 0 && (first == 0 || t < first) {
			first = t
		}
	}
	switch m.Phase() {
	case Active:
		add(m.startable(&m.plans[ordinary]))
		add(m.unsnoozeBy())
	case StateFinalizing:
		add(m.startable(&m.plans[final]))
		add(m.Budget)
	default:
		add(m.callBy())
		add(m.Budget)
	}
	return first, first != 0
}

// startable is when time alone lets a process start.
func (m *Machine) startable(pl *plan) int64 {
	if m.room(pl) == 0 {
		return 0
	}
	return pl.floors.first()
}

// Outstanding are the acts that the state implies and that may not have been
// performed: what a loop does after a recovery, or after a new shim.
func (m *Machine) Outstanding() []Act {
	if m.terminal() {
		return []Act{End{}}
	}
	var acts []Act
	for i := m.alive.next(0); i >= 0; i = m.alive.next(i + 1) {
		acts = m.procs[i].outstanding(acts)
	}
	if m.Clearing {
		return append(acts, Clear{})
	}
	return m.outstandingCall(acts)
}

// outstandingOf is what may still have to be done to a live run. A kill makes
// signals pointless.
func (p *process) outstandingOf(run *Run, acts []Act) []Act {
	id := p.id(run)
	if run.Kill != "" {
		return append(acts, Kill{id})
	}
	if run.State == Forked && run.Stop == nil {
		acts = append(acts, Spawn{id})
	}
	for _, sent := range run.Signals {
		if run.Stop == nil || run.Stop.Signal != sent.Signal {
			acts = append(acts, Signal{id, sent.Signal, p.def.StopTo})
		}
	}
	if run.Stop != nil {
		acts = append(acts, Stop{id, run.Stop.Signal, p.def.StopTo})
	}
	if run.parting() && !run.PreStop.Over {
		acts = append(acts, PreStop{id, run.PreStop.By})
	}
	return acts
}

func (p *process) outstanding(acts []Act) []Act {
	if run := p.live(); run != nil && !p.oldBoot {
		acts = p.outstandingOf(run, acts)
	}
	for _, left := range p.strays {
		if left.LeftKill != "" {
			acts = append(acts, Kill{p.id(left)})
		} else if left.LeftStop != nil {
			acts = append(acts, Stop{p.id(left), left.LeftStop.Signal, task.StopGroup})
		}
	}
	return acts
}
