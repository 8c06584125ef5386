package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// Verdict is a verdict in a word.
func Verdict(v judge.Verdict) string {
	if v == judge.Starting {
		return "starting"
	}
	return string(v)
}

// health sums up the checks of a live run: "healthy", "starting", or which are
// unhealthy. It is empty if there are none.
func health(checks []machine.CheckState) string {
	if len(checks) == 0 {
		return ""
	}
	said := Verdict(judge.Healthy)
	var ill []string
	for _, c := range checks {
		switch c.Judged.Verdict {
		case judge.Unhealthy:
			ill = append(ill, c.Name)
		case judge.Starting:
			said = "health: " + Verdict(judge.Starting)
		}
	}
	if len(ill) > 0 {
		return "unhealthy: " + strings.Join(ill, ", ")
	}
	return said
}

// Unhealthy are the names of the checks that are unhealthy, of the task and of
// the processes that run: "health", "web/liveness".
func (s Status) Unhealthy() []string {
	var ill []string
	s.eachCheck(func(id machine.CheckID, c *machine.CheckState) {
		if c.Judged.Verdict == judge.Unhealthy {
			ill = append(ill, id.String())
		}
	})
	return ill
}

// eachCheck visits the checks of which something can be said: those of the task
// and of the processes that run, and of the others those that were answered.
func (s Status) eachCheck(visit func(machine.CheckID, *machine.CheckState)) {
	for i := range s.Checks {
		visit(machine.CheckID{Check: s.Checks[i].Name}, &s.Checks[i])
	}
	for _, p := range s.Processes {
		last := p.Last()
		for i := range p.Checks {
			if c := &p.Checks[i]; len(c.Answers) > 0 || last != nil && last.Live() {
				visit(machine.CheckID{Process: p.Name, Check: c.Name}, c)
			}
		}
	}
}

// checks is the table of the checks; empty if there are none.
func (s Status) checks(now machine.Instant) Table {
	var rows Table
	s.eachCheck(func(id machine.CheckID, c *machine.CheckState) {
		since := ""
		if c.Since.Wall != 0 {
			since = Span(time.Duration(now.Wall - c.Since.Wall))
		}
		rows = append(rows, []string{id.String(), Verdict(c.Judged.Verdict), since, lastAnswer(c)})
	})
	if len(rows) == 0 {
		return nil
	}
	return append(Table{{"CHECK", "VERDICT", "FOR", "LAST ANSWER"}}, rows...)
}

// lastAnswer is what was answered last, and what there was of it in a row.
func lastAnswer(c *machine.CheckState) string {
	if len(c.Answers) == 0 {
		return "none yet"
	}
	a := c.Answers[len(c.Answers)-1]
	said := string(a.Outcome)
	if a.Latency > 0 {
		said += " in " + Span(time.Duration(a.Latency))
	}
	if a.Reason != "" {
		said += ": " + phase(a) + a.Reason
	}
	switch j := c.Judged; {
	case j.Failures > 1:
		said += fmt.Sprintf(" (failure %d in a row)", j.Failures)
	case j.Doubts > 1:
		said += fmt.Sprintf(" (inconclusive %d times in a row)", j.Doubts)
	}
	return said
}

// phase is how far a failure came, if its reason does not say so itself.
func phase(a machine.Answer) string {
	if first, _, _ := strings.Cut(a.Reason, " "); a.Phase == "" || strings.TrimSuffix(first, ":") == a.Phase {
		return ""
	}
	return a.Phase + ": "
}

// asked is a check of one run.
type asked struct {
	machine.CheckID
	run int
}

// answered tells a verdict that differs from the one before. That a process is
// not healthy yet is not worth a line.
func (t *Teller) answered(r machine.Answered) (line string, ok bool) {
	who := asked{r.CheckID, r.Run}
	if t.verdicts[who] == r.State.Verdict {
		return "", false
	}
	if t.verdicts == nil {
		t.verdicts = map[asked]judge.Verdict{}
	}
	t.verdicts[who] = r.State.Verdict
	line = fmt.Sprintf("check %s %s", r.CheckID, Verdict(r.State.Verdict))
	if n := len(r.Answers); n > 0 && r.State.Verdict == judge.Unhealthy {
		a := r.Answers[n-1]
		line = withReason(withReason(line, r.Why), phase(a)+a.Reason)
	}
	return line, true
}

func snoozed(r machine.Snoozed) string {
	return fmt.Sprintf("%s snoozed until %s by %s: %s", snoozable(r.Process, r.Check), time.Unix(0, r.Until.Wall).Local().Format(time.DateTime), r.By, r.Reason)
}

func unsnoozed(r machine.Unsnoozed) string {
	if r.By == "" {
		return snoozable(r.Process, r.Check) + " no longer snoozed: the time is up"
	}
	return snoozable(r.Process, r.Check) + " no longer snoozed: ended by " + r.By
}

// snoozable is what a snooze is of.
func snoozable(process, check string) string {
	if id := (machine.CheckID{Process: process, Check: check}); id != (machine.CheckID{}) {
		return "check " + id.String()
	}
	return "all checks"
}

// snoozed are the rows that say which checks are snoozed, until when, and why.
func (s Status) snoozed() Table {
	var rows Table
	for _, z := range s.Snoozes {
		rows = append(rows, []string{"health", snoozed(z.Snoozed)})
	}
	return rows
}
