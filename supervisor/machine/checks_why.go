package machine

import (
	"fmt"
	"strings"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
)

// checkViews are the checks of a list with how they stand, those that have no
// answer yet included.
func checkViews(checks []check, states []CheckState) []CheckState {
	var all []CheckState
	for _, c := range checks {
		if s := stateOf(states, c.def.Name); s != nil {
			all = append(all, *s)
		} else {
			all = append(all, CheckState{Name: c.def.Name})
		}
	}
	return all
}

// checks says how the checks of a process stand whose last run it is, or with a
// nil process the task's own.
func (w *why) checks(p *process, run *Run) {
	process, checks, states := "", w.m.checks, w.m.Checks
	if p != nil {
		process, checks, states = p.def.Name, p.checks, run.Checks
	}
	for _, s := range checkViews(checks, states) {
		id := CheckID{process, s.Name}
		if p == nil || run.Live() {
			w.snoozed(id)
		}
		if s.Judged.Verdict != judge.Unhealthy && s.Judged.Failures == 0 && s.Judged.Doubts == 0 {
			continue
		}
		w.say("%s", w.standing(id, &s))
	}
}

// standing is "check web/readiness has been unhealthy for 12s: it failed 3 times
// in a row; the last answer: connection refused".
func (w *why) standing(id CheckID, s *CheckState) string {
	said := "check " + id.String()
	switch s.Judged.Verdict {
	case judge.Starting:
		said += " is starting"
	default:
		said += fmt.Sprintf(" has been %s for %s", s.Judged.Verdict, short(max(0, time.Duration(w.now-s.Since.Boot))))
	}
	switch {
	case s.Why != "":
		said += ": " + s.Why
	case s.Judged.Failures > 0:
		said += ", and has failed " + plural(s.Judged.Failures, "time", "times") + " in a row"
	case s.Judged.Doubts > 0:
		said += ", and could not be asked fairly " + plural(s.Judged.Doubts, "time", "times") + " in a row"
	}
	if n := len(s.Answers); n > 0 && s.Answers[n-1].Reason != "" {
		said += "; the last answer: " + s.Answers[n-1].Reason
	}
	return said
}

func (w *why) snoozed(id CheckID) {
	for _, s := range w.m.Snoozes {
		if s.covers(id) {
			w.say("check %s is snoozed for %s more by %s: %s", id, short(max(0, time.Duration(s.Until.Boot-w.now))), s.By, s.Reason)
			return
		}
	}
}

// notHealthy says which checks of a live run have not passed: "db/up is starting,
// db/ready is unhealthy".
func (p *process) notHealthy(run *Run) string {
	var said []string
	for _, s := range checkViews(p.checks, run.Checks) {
		switch id := (CheckID{p.def.Name, s.Name}); s.Judged.Verdict {
		case judge.Starting:
			said = append(said, id.String()+" is starting")
		case judge.Unhealthy:
			said = append(said, id.String()+" is unhealthy")
		}
	}
	return strings.Join(said, ", ")
}
