package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// Teller tells the records of one journal, in their order, as lines. The zero
// Teller is ready.
type Teller struct {
	Verbose bool // tell also what only matters to those who look at Dewar itself

	started map[task.RunID]int64 // boot time
	taken   bool                 // a brain has taken the task up before

	verdicts map[asked]judge.Verdict
}

// Line is the line that tells one record, without its time; ok is false for a
// record that is not worth one.
func (t *Teller) Line(at machine.Instant, r machine.Record) (line string, ok bool) {
	switch r := r.(type) {
	case machine.Forking:
		return r.RunID.String() + " starting", t.Verbose
	case machine.Started:
		if t.started == nil {
			t.started = map[task.RunID]int64{}
		}
		if r.At.Boot != 0 {
			at = r.At
		}
		t.started[r.RunID] = at.Boot
		return fmt.Sprintf("%s started, pid %d", r.RunID, r.Pid), true
	case machine.Ready:
		return r.RunID.String() + " ready", true
	case machine.Stopping:
		return fmt.Sprintf("%s stopping with %s: %s", r.RunID, r.Signal, Because(r.Cause)), true
	case machine.Killing:
		return fmt.Sprintf("%s killing: %s", r.RunID, Because(r.Cause)), true
	case machine.Ended:
		return t.ended(r), true
	case machine.Thinned:
		return fmt.Sprintf("%s goes on, though something of it was killed: %s", r.RunID, OutOfMemory(&r.OOM)), true
	case machine.Answered:
		return t.answered(r)
	case machine.Emptied:
		return fmt.Sprintf("%s: what it had left behind is gone", r.RunID), t.Verbose
	}
	return t.task(r)
}

// task tells the records that are not about one run.
func (t *Teller) task(r machine.Record) (line string, ok bool) {
	switch r := r.(type) {
	case machine.Created:
		return fmt.Sprintf("task %s created", r.ID), t.Verbose
	case machine.TakenUp:
		again := t.taken
		t.taken = true
		if again {
			return fmt.Sprintf("taken up again by a new brain, pid %d", r.Pid), true
		}
		return fmt.Sprintf("taken up by a brain, pid %d, version %s", r.Pid, r.Version), t.Verbose
	case machine.KillAsked:
		return killAsked(r), true
	case machine.RestartAsked:
		return r.Process + ": restart asked for by " + r.By, true
	case machine.StopAsked:
		return r.Process + ": stop asked for by " + r.By, true
	case machine.StartAsked:
		return r.Process + ": start asked for by " + r.By, true
	case machine.SignalAsked:
		return fmt.Sprintf("%s: signal %s asked for by %s", r.RunID, r.Signal, r.By), true
	case machine.PauseAsked:
		return "pause asked for by " + r.By, true
	case machine.UnpauseAsked:
		return "unpause asked for by " + r.By, true
	case machine.ResizeAsked:
		who := "the task"
		if r.Process != "" {
			who = r.Process
		}
		return fmt.Sprintf("limits of %s changed by %s: %s", who, r.By, Limits(r.Limits)), true
	case machine.Snoozed:
		return snoozed(r), true
	case machine.Unsnoozed:
		return unsnoozed(r), true
	case machine.OverDisk:
		return fmt.Sprintf("over disk: sandbox and logs hold %s of %s", Size(r.Used), Size(r.Allowed)), true
	case machine.Denied:
		return "what the task lives in could not be made: " + r.Reason, true
	case machine.Unkillable:
		return strings.Join(undead(r.Processes), "; "), len(r.Processes) > 0
	case machine.Cleaning:
		return fmt.Sprintf("task cleaning, will be %s: %s", r.Result, r.Reason), true
	case machine.Finalizing:
		return "task finalizing", true
	case machine.Clearing:
		return "killing everything that is left of the task", t.Verbose
	case machine.Cleared:
		return "nothing of the task lives any more", t.Verbose
	case machine.Finished:
		return withReason("task "+string(r.State), r.Reason), true
	}
	return fmt.Sprintf("a record that this program does not know (%T)", r), t.Verbose
}

func (t *Teller) ended(r machine.Ended) string {
	line := r.RunID.String() + " " + string(r.State)
	if how := How(r.Exit, r.Signal, r.Core); how != "" {
		line += ", " + how
	}
	if start, ok := t.started[r.RunID]; ok {
		delete(t.started, r.RunID)
		if r.At.Boot >= start {
			line += ", after " + Span(time.Duration(r.At.Boot-start))
		}
	}
	if said := OutOfMemory(r.OOM); said != "" {
		line += ", " + said
	}
	if r.Left > 0 {
		line += fmt.Sprintf(", %d descendants left", r.Left)
	}
	line = withReason(line, r.Reason)
	if last := LastLine(r.Tail); last != "" && r.State == machine.RunFailed {
		line += " | " + last
	}
	return line
}

func killAsked(r machine.KillAsked) string {
	line := "kill asked for by " + r.By
	if r.Lose {
		line = "end as LOST asked for by " + r.By
	}
	if r.Grace == 0 {
		line += ", at once"
	} else {
		line += ", grace " + Span(time.Duration(r.Grace))
	}
	return withReason(line, r.Reason)
}

func withReason(line, reason string) string {
	if reason == "" {
		return line
	}
	return line + ": " + reason
}

// How says how a run's main process ended: "exit status 3", "signal 11 (SEGV), core
// dumped"; nothing if neither is known.
func How(exit *int, signal int, core bool) string {
	switch {
	case exit != nil:
		return fmt.Sprintf("exit status %d", *exit)
	case signal != 0 && core:
		return signalName(signal) + ", core dumped"
	case signal != 0:
		return signalName(signal)
	}
	return ""
}

func signalName(n int) string {
	if name := task.SignalName(n); name != "" {
		return fmt.Sprintf("signal %d (%s)", n, name)
	}
	return fmt.Sprintf("signal %d", n)
}

// Because says a cause in words.
func Because(c machine.Cause) string {
	switch c {
	case machine.CauseKill:
		return "the task was asked to end"
	case machine.CauseCleanup:
		return "the plan is over"
	case machine.CauseRestart:
		return "a person asked for a restart"
	case machine.CauseStop:
		return "a person asked for a stop"
	case machine.CauseNotReady:
		return "it was not ready within ready_timeout"
	case machine.CauseHealth:
		return "a check of it is unhealthy"
	case machine.CauseLost:
		return "what it depends on is no longer ready or healthy"
	case machine.CauseTimeout:
		return "it outlived stop_timeout"
	case machine.CauseBudget:
		return "the time to end in is spent"
	case machine.CauseNextRun:
		return "what the last run left behind stands in the way of the next"
	}
	return string(c)
}

// LastLine is the last line of text that has anything printable, with
// control characters made harmless.
func LastLine(text string) string {
	text = strings.TrimRight(text, " \t\r\n\x00")
	if i := strings.LastIndexAny(text, "\r\n"); i >= 0 {
		text = text[i+1:]
	}
	return Printable(text)
}

// Printable is text without what could command a terminal: control characters
// but the tab become '·', a tab becomes a blank.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ', r == 0x7f, 0x80 <= r && r < 0xa0:
			return '·'
		}
		return r
	}, text)
}
