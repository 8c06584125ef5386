package machine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dewarhq/dewar/task"
)

// mostCauses bounds the chain that Why tells.
const mostCauses = 40

// Why is the chain of causes of a process' state, or of the task's with "":
// sentences, the nearest cause first. Times to come are counted from now; a
// zero now leaves them out. A process that is not there has no causes.
func (m *Machine) Why(now Instant, process string) []string {
	if now == (Instant{}) {
		now = m.at
	}
	w := why{m: m, now: now.Boot, seen: make(map[int]bool),
		gates: [2]string{m.gate(&m.plans[ordinary]), m.gate(&m.plans[final])}}
	if process == "" {
		w.task()
		w.remaining()
	} else if i, known := m.index[process]; known {
		w.process(i)
	}
	return w.said
}

type why struct {
	m     *Machine
	now   int64
	gates [2]string
	seen  map[int]bool
	said  []string
}

func (w *why) say(format string, args ...any) {
	if len(w.said) < mostCauses {
		w.said = append(w.said, fmt.Sprintf(format, args...))
	}
}

func (w *why) task() {
	m := w.m
	switch {
	case m.Stage == "":
		w.say("the task has not begun")
	case m.terminal():
		w.say("the task is %s: %s", m.Stage, m.Reason)
		w.culprits()
	case m.Stage == Active:
		w.say("the task is ACTIVE: %s", w.census())
		if m.Pause != nil {
			w.say("it was paused by %s %s ago: nothing of it runs until it is unpaused", m.Pause.By, short(time.Duration(w.now-m.Pause.At.Boot)))
		}
		if m.Disk != nil {
			w.say("%s", m.Disk.said())
		}
		if m.Kill != nil {
			w.say("it is to be killed %s", m.Kill.asked())
		}
		w.thinned()
		w.checks(nil, nil)
		for i := range m.procs {
			if run := m.procs[i].live(); run != nil {
				w.checks(&m.procs[i], run)
			}
		}
		w.notRunning()
	default:
		w.say("the task is %s and will be %s: %s", m.Stage, m.Result, m.Reason)
		w.budget()
		w.calls()
		w.ending()
		w.culprits()
	}
}

// census counts the ordinary processes.
func (w *why) census() string {
	var c Counts
	for i := range w.m.procs {
		if p := &w.m.procs[i]; !p.def.Final {
			c.add(ProcessState{State: p.state(), Over: p.over})
		}
	}
	s := fmt.Sprintf("of %s %d run, %d wait, %d have finished", plural(c.Processes, "process", "processes"), c.Live, c.Waiting, c.Finished)
	if c.Failed > 0 {
		s += fmt.Sprintf(", %d failed for good", c.Failed)
	}
	return s
}

// thinned says of whom something was killed that others have outlived.
func (w *why) thinned() {
	for i := range w.m.procs {
		p := &w.m.procs[i]
		if run := p.live(); run != nil && run.Thinned != nil {
			w.say("run %d of %s lives; %s", run.Run, named(p.def.Name), w.outlived(run))
		}
	}
}

// outlived says what was killed of a live run.
func (w *why) outlived(run *Run) string {
	return run.Thinned.said(short(max(0, time.Duration(w.now-run.Thinned.At.Boot))) + " ago")
}

func (w *why) notRunning() {
	for i := range w.m.procs {
		p := &w.m.procs[i]
		if p.over == OverFailed {
			w.say("%s failed for good: %s", named(p.def.Name), p.giveUp())
		}
		if p.over == "" && p.live() == nil && !p.def.Final {
			for _, cause := range w.m.waits(p, w.now, w.gates) {
				w.say("%s %s", named(p.def.Name), cause+w.floor(p, cause))
			}
		}
	}
}

func (w *why) budget() {
	left := time.Duration(w.m.Budget - w.now)
	switch {
	case w.m.Clearing:
		w.say("everything that is left of it is being killed")
		for _, s := range w.m.undead() {
			w.say("%s", s)
		}
	case left <= 0:
		w.say("the time to end is up")
	default:
		w.say("it has %s left to end", short(left))
	}
}

// ending says what lives of a task that ends.
func (w *why) ending() {
	for i := range w.m.procs {
		p := &w.m.procs[i]
		if run := p.live(); run != nil {
			w.say("run %d of %s lives%s", run.Run, named(p.def.Name), w.stopped(p, run))
		}
		for _, left := range p.strays {
			w.say("%s of run %d of %s still %s", plural(left.Left, "process", "processes"), left.Run, named(p.def.Name), lives(left.Left))
		}
	}
}

// culprits says more of the processes that failed for good.
func (w *why) culprits() {
	for i := range w.m.procs {
		if p := &w.m.procs[i]; p.over == OverFailed {
			w.process(i)
		}
	}
}

// process says why one process is where it is, then the same of those that it
// waits for.
func (w *why) process(i int) {
	if w.seen[i] {
		return
	}
	w.seen[i] = true
	p := &w.m.procs[i]
	name := named(p.def.Name)
	if run := p.live(); run != nil {
		w.say("%s is %s: run %d lives%s", name, run.State, run.Run, w.stopped(p, run))
		if run.Thinned != nil {
			w.say("%s", w.outlived(run))
		}
		w.checks(p, run)
		w.evidence(p, run)
		w.before(p)
		return
	}
	w.say("%s is %s%s", name, p.state(), p.overSaid())
	w.lastEnd(p)
	for _, cause := range w.m.waits(p, w.now, w.gates) {
		w.say("%s %s", name, cause+w.floor(p, cause))
	}
	if p.over != "" {
		return
	}
	if w.m.terminal() && p.unmet > 0 {
		w.say("%s waited %s", name, strings.Join(w.m.unmetEdges(p), " and "))
	}
	w.predecessors(p)
}

func (p *process) overSaid() string {
	switch {
	case p.over == OverFailed:
		return fmt.Sprintf(": it failed for good; its max_failures is %d", p.def.MaxFailures)
	case p.over == OverFinished && p.latest() != nil && p.latest().State != RunSuccess:
		return fmt.Sprintf(": it is ephemeral and was given up; its max_failures is %d", p.def.MaxFailures)
	}
	return ""
}

func (w *why) predecessors(p *process) {
	for _, e := range p.in {
		if !w.m.procs[e.from].met.satisfies(e.when) {
			w.process(e.from)
		}
	}
}

// stopped says that a live run was told to stop, or why it waits to be.
func (w *why) stopped(p *process, run *Run) string {
	switch {
	case run.Kill != "":
		return fmt.Sprintf("; it is being killed (%s)", run.Kill)
	case run.Stop != nil:
		s := fmt.Sprintf("; it was told to stop with SIG%s (%s)", run.Stop.Signal, run.Stop.Cause)
		by := run.Stop.By
		if w.m.Stage != Active {
			by = min(by, w.m.Budget)
		}
		if left := time.Duration(by - w.now); left > 0 {
			s += fmt.Sprintf(" and is killed in %s", short(left))
		}
		return s + run.preStopped()
	case run.parting():
		return w.parting(p, run)
	case w.m.callsFirst():
		return ""
	case w.m.Stage == StateCleaning && p.above > 0:
		return "; it is told to stop when " + w.above(p) + " stopped"
	case w.m.unready(p, run):
		return fmt.Sprintf("; others wait for it to be %s, for at most %s from its start", p.lacks(run), p.def.ReadyTimeout)
	}
	return ""
}

// above names those whose end a process waits for on the way down, through
// those that have ended themselves.
func (w *why) above(p *process) string {
	var names []string
	seen, todo := make(map[int]bool), slices.Clone(p.out)
	for len(todo) > 0 && len(names) < mostNames {
		e := todo[0]
		to := &w.m.procs[e.to]
		todo = todo[1:]
		if seen[e.to] || !to.up {
			continue
		}
		seen[e.to] = true
		if to.alive() {
			names = append(names, named(to.def.Name))
		}
		todo = append(todo, to.out...)
	}
	if len(names) == 1 {
		return names[0] + " has"
	}
	return strings.Join(names, ", ") + " have"
}

// before says how the run before a live one ended.
func (w *why) before(p *process) {
	if n := len(p.history); n > 1 {
		w.end(p, p.history[n-2])
	}
}

func (w *why) lastEnd(p *process) {
	if last := p.latest(); last != nil {
		w.end(p, last)
	}
}

// end says how a run ended and what that counted.
func (w *why) end(p *process, run *Run) {
	s := fmt.Sprintf("run %d of %s %s", run.Run, named(p.def.Name), run.how())
	if run.Started != (Instant{}) && run.Ended.Boot >= run.Started.Boot {
		s += fmt.Sprintf(", after %s", short(time.Duration(run.Ended.Boot-run.Started.Boot)))
	}
	switch {
	case run.State == RunKilled || run.State == RunLost:
		s += "; it is " + string(run.State) + ", which counts as no failure"
	case run.State == RunFailed && run == p.latest() && p.def.MaxFailures > 0:
		s += fmt.Sprintf("; it is FAILED, failure %d of %d", p.failures, p.def.MaxFailures)
	case run.State == RunFailed:
		s += "; it is FAILED"
	}
	w.say("%s", s)
	if run.PreStop != nil && run.PreStop.Failure != "" {
		w.say("its pre_stop failed: %s", run.PreStop.Failure)
	}
	if run.Thinned != nil && run.OOM == nil {
		before := time.Duration(run.Ended.Boot - run.Thinned.At.Boot)
		w.say("%s", run.Thinned.said(short(max(0, before))+" before its end"))
	}
	w.evidence(p, run)
	if tail := strings.TrimSpace(run.Tail); tail != "" {
		w.say("its last line of stderr: %s", task.Quote(tail[strings.LastIndexByte(tail, '\n')+1:]))
	}
}

// floor adds to the cause that is a floor how long that still is.
func (w *why) floor(p *process, cause string) string {
	if left := time.Duration(p.floor - w.now); left > 0 && cause == p.flooredBy() {
		return fmt.Sprintf(": %s more", short(left))
	}
	return ""
}

func lives(n int) string {
	if n == 1 {
		return "lives"
	}
	return "live"
}

// short is a span with three digits or so.
func short(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 && unit < time.Second {
		unit *= 10
	}
	return d.Round(unit).String()
}
