package machine

import (
	"fmt"
	"strings"
	"time"
)

// How records, acts and states look in a transcript.

func (s *stage) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if !strings.HasPrefix(line, "  ") {
		line = fmt.Sprintf("%-5s %s", s.clock(s.now), line)
	}
	s.out.WriteString(line + "\n")
}

func (s *stage) clock(boot int64) string {
	if boot == past {
		return "past"
	}
	return time.Duration(boot - curtain).String()
}

func showRecord(s *stage, r Record) string {
	name := TypeOf(r)
	switch r := r.(type) {
	case TakenUp:
		return fmt.Sprintf("%s in %s", name, r.BootID)
	case Forking:
		return fmt.Sprintf("%s %s", name, r.RunID)
	case Started:
		return fmt.Sprintf("%s %s", name, r.RunID)
	case Ready:
		return fmt.Sprintf("%s %s", name, r.RunID)
	case Gathered:
		if r.Failure != "" {
			return fmt.Sprintf("no evidence of %s (%s): %s", r.RunID, r.For, r.Failure)
		}
		return fmt.Sprintf("gathered evidence of %s (%s)", r.RunID, r.For)
	case Emptied:
		return fmt.Sprintf("%s %s", name, r.RunID)
	case Stopping:
		return fmt.Sprintf("%s %s (%s), killed at %s", name, r.RunID, r.Cause, s.clock(r.By))
	case Calling, Called, PreStopping, PreStopped:
		return name + showFarewell(s, r)
	case Killing:
		return fmt.Sprintf("%s %s (%s)", name, r.RunID, r.Cause)
	case Ended:
		return showEnded(name, r)
	case KillAsked:
		return fmt.Sprintf("%s, grace %s", name, r.Grace)
	case RestartAsked:
		return fmt.Sprintf("%s %s", name, r.Process)
	case StopAsked:
		return fmt.Sprintf("%s %s", name, r.Process)
	case StartAsked:
		return fmt.Sprintf("%s %s", name, r.Process)
	case SignalAsked:
		return fmt.Sprintf("%s %s %s", name, r.RunID, r.Signal)
	case Answered:
		return showAnswered(r)
	case Snoozed:
		return fmt.Sprintf("%s %s until %s: %s", name, CheckID{r.Process, r.Check}, s.clock(r.Until.Boot), r.Reason)
	case Unsnoozed:
		return fmt.Sprintf("%s %s", name, CheckID{r.Process, r.Check})
	case ResizeAsked:
		return fmt.Sprintf("%s %s ram %s, pids %d", name, r.Process, r.Limits.RAM, r.Limits.Pids)
	case OverDisk:
		return fmt.Sprintf("%s, %d of %d", name, r.Used, r.Allowed)
	case Cleaning:
		return fmt.Sprintf("%s, %s by %s: %s", name, r.Result, s.clock(r.By), r.Reason)
	case Thinned:
		return fmt.Sprintf("%s %s: %d killed, %s", name, r.RunID, r.OOM.Kills, r.OOM.hit())
	case Finished:
		return fmt.Sprintf("%s, %s: %s", name, r.State, r.Reason)
	}
	return name
}

func showEnded(name string, r Ended) string {
	line := fmt.Sprintf("%s %s %s", name, r.RunID, r.State)
	if r.Exit != nil {
		line += fmt.Sprintf(" status %d", *r.Exit)
	}
	if r.Signal != 0 {
		line += " " + signalName(r.Signal)
	}
	if r.Reason != "" {
		line += ": " + r.Reason
	}
	if r.OOM != nil {
		line += ": " + r.OOM.said()
	}
	if r.Left > 0 {
		line += fmt.Sprintf(", left %d", r.Left)
	}
	return line
}

func showAct(a Act) string {
	switch a := a.(type) {
	case Spawn:
		return "spawn " + a.String()
	case Stop:
		return fmt.Sprintf("stop %s with %s to %s", a.RunID, a.Signal, a.To)
	case Signal:
		return fmt.Sprintf("signal %s %s to %s", a.RunID, a.Signal, a.To)
	case Kill:
		return "kill " + a.String()
	case Call:
		return fmt.Sprintf("call %s of port %s", a.Endpoint, a.Port)
	case PreStop:
		return "pre_stop of " + a.String()
	case Clear:
		return "clear"
	case End:
		return "end"
	}
	return fmt.Sprintf("%T", a)
}

// status is the state as a person would want it.
func (s *stage) status() {
	state := s.m.State()
	s.say("  %s %s", state.State, state.Reason)
	for _, p := range state.Processes {
		line := fmt.Sprintf("  %s %s, %s", p.Name, p.State, plural(p.Runs, "run", "runs"))
		if p.HeldBy != "" {
			line += ", held"
		}
		if p.Failures > 0 {
			line += fmt.Sprintf(", failures %d", p.Failures)
		}
		if p.NextStart > 0 {
			line += fmt.Sprintf(", not before %s", s.clock(p.NextStart))
		}
		s.say("%s", line)
		for _, w := range p.Waits {
			s.say("    %s", w)
		}
	}
}
