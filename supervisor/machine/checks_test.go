package machine

import (
	"fmt"
	"strings"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// checkOf is "check web/live role=liveness action=restart failures=2", of a
// process, or "check health", of the task.
func (s *stage) checkOf(w words) {
	process, name, own := strings.Cut(w.args[0], "/")
	if !own {
		process, name = "", process
	}
	c := task.Check{
		Name: name, Role: task.Role(w.options["role"]), Action: task.Action(w.options["action"]), Shell: "true",
		Interval: w.span("interval", span("10s")), Timeout: span("1s"), InitialInterval: w.span("grace", 0),
		MaxConsecutiveFailures: w.int("failures", 0), MinConsecutiveSuccesses: w.int("successes", 1),
		MaxInconclusive: w.int("doubts", 10), InconclusiveFor: w.span("doubts_for", span("5m")),
	}
	if c.Role == "" {
		c.Role = task.Liveness
	}
	if c.Action == "" {
		c.Action = task.FailTask
	}
	if !own {
		s.task.Check = &c
		return
	}
	for i := range s.task.Processes {
		if p := &s.task.Processes[i]; p.Name == process {
			p.Checks = append(p.Checks, c)
			return
		}
	}
	panic("there is no process " + process)
}

func checkID(name string) CheckID {
	process, check, own := strings.Cut(name, "/")
	if !own {
		return CheckID{Check: process}
	}
	return CheckID{process, check}
}

// answer is "answer web/live fail reason=refused": as the loop does, it is
// gathered until the machine wants it recorded.
func (s *stage) answer(w words) {
	id := checkID(w.args[0])
	run := w.int("run", -1)
	if p, _ := s.m.find(task.RunID{Process: id.Process}); p != nil && run < 0 {
		run = p.runs - 1
	}
	run = max(run, 0)
	for _, outcome := range w.args[1:] {
		a := Answer{At: s.instant(), Outcome: judge.Outcome(outcome), Reason: w.options["reason"]}
		key := fmt.Sprint(id, run)
		s.gathered[key] = append(s.gathered[key], a)
		r, ok := s.m.Consider(id, run, s.gathered[key]...)
		if !ok {
			continue
		}
		delete(s.gathered, key)
		s.write(r)
		s.settle()
	}
}

// asks is what is to be asked now.
func (s *stage) asks() {
	var all []string
	for _, a := range s.m.Asking() {
		one := a.CheckID.String()
		if a.Process != "" {
			one += fmt.Sprintf(" of run %d", a.Run)
		}
		if a.Snoozed {
			one += ", snoozed"
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		all = []string{"nothing"}
	}
	s.say("  asks %s", strings.Join(all, "; "))
}

// snooze is "snooze web/live until=60s reason=deploy", or without a check of all.
func (s *stage) snooze(w words) Record {
	var id CheckID
	if len(w.args) > 0 {
		id = checkID(w.args[0])
	}
	if w.verb == "unsnooze" {
		return Unsnoozed{Process: id.Process, Check: id.Check, By: "uid 0 (root)"}
	}
	until := curtain + int64(w.span("until", 0))
	return Snoozed{Process: id.Process, Check: id.Check, Until: Instant{Boot: until, Wall: until + 1753e15}, By: "uid 0 (root)", Reason: w.options["reason"]}
}

func showAnswered(r Answered) string {
	var outcomes []string
	for _, a := range r.Answers {
		outcomes = append(outcomes, string(a.Outcome))
	}
	verdict := string(r.State.Verdict)
	if verdict == "" {
		verdict = "starting"
	}
	said := fmt.Sprintf("answered %s: %s, %s", r.CheckID, strings.Join(outcomes, " "), verdict)
	if r.State.Failures > 0 {
		said += fmt.Sprintf(", %d failed", r.State.Failures)
	}
	if r.State.Doubts > 0 {
		said += fmt.Sprintf(", %d in doubt", r.State.Doubts)
	}
	if r.Why != "" {
		said += " (" + r.Why + ")"
	}
	return said
}
