package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
)

// Settled is a process of a task that has ended: what would have run again, and
// is WAITING by the rules, is shown as its last run was.
func Settled(p machine.ProcessState) machine.ProcessState {
	if last := p.Last(); last != nil && p.State == machine.Waiting {
		p.State, p.Over, p.HeldBy = last.State, machine.OverFinished, ""
	}
	return p
}

// Note says in a few words why a process is where it is: what it waits for,
// how its last run ended, what it was told to do.
func Note(p machine.ProcessState, now machine.Instant) string {
	last := p.Last()
	switch {
	case last != nil && last.Live():
		return liveNote(p, last)
	case p.Over != "":
		return endNote(last)
	case p.HeldBy != "":
		return "held: stopped by " + p.HeldBy
	}
	var parts []string
	if last != nil {
		parts = append(parts, fmt.Sprintf("run %d %s", last.Run, strings.TrimSpace(string(last.State)+" "+endNote(last))))
	}
	parts = append(parts, p.Waits...)
	if len(p.Waits) == 0 && p.NextStart > now.Boot {
		parts = append(parts, "next run in "+Span(time.Duration(p.NextStart-now.Boot)))
	}
	return strings.Join(parts, "; ")
}

func liveNote(p machine.ProcessState, r *machine.Run) string {
	var parts []string
	if r.Ready.Wall != 0 {
		parts = append(parts, "ready")
	}
	if said := health(p.Checks); said != "" {
		parts = append(parts, said)
	}
	switch {
	case r.Kill != "":
		parts = append(parts, "being killed: "+Because(r.Kill))
	case r.Stop != nil:
		parts = append(parts, fmt.Sprintf("stopping with %s: %s", r.Stop.Signal, Because(r.Stop.Cause)))
	}
	if p.HeldBy != "" {
		parts = append(parts, "held after this run by "+p.HeldBy)
	}
	return strings.Join(parts, ", ")
}

// endNote says how a run ended, and the sentence that goes with it.
func endNote(r *machine.Run) string {
	if r == nil {
		return ""
	}
	how := How(r.Exit, r.Signal, r.Core)
	if how == "" || r.Reason == "" {
		how += r.Reason
	} else {
		how += ": " + r.Reason
	}
	if said := OutOfMemory(r.OOM); said != "" {
		how += ", " + said
	} else if t := r.Thinned; t != nil {
		how += ", something of it was killed before: " + OutOfMemory(&t.OOM)
	}
	if r.Left > 0 {
		how += fmt.Sprintf(", %d descendants left", r.Left)
	}
	return strings.TrimPrefix(how, ", ")
}

// Took is how long a run has taken, until now if it lives.
func Took(r *machine.Run, now machine.Instant) time.Duration {
	from := r.Started
	if from.Wall == 0 {
		from = r.Forked
	}
	until := r.Ended
	if r.Live() {
		until = now
	}
	if took := until.Boot - from.Boot; took >= 0 {
		return time.Duration(took)
	}
	return max(0, time.Duration(until.Wall-from.Wall)) // across a reboot
}

// Tally is the number of processes by what they do, in words.
func Tally(c machine.Counts) string {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(c.Live, "running")
	add(c.Waiting, "waiting")
	add(c.Finished, "finished")
	add(c.Failed, "failed")
	if len(parts) == 0 {
		return "no process"
	}
	return strings.Join(parts, ", ")
}

// Over says that a task has come to its end.
func Over(s machine.TaskState) bool {
	switch s {
	case machine.Success, machine.Failed, machine.Killed, machine.Lost:
		return true
	}
	return false
}
