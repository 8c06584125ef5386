package show

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// sick is a task with checks in every state.
func sick() machine.State {
	s := stack()
	s.Processes = s.Processes[1:5]
	s.Checks = []machine.CheckState{{Name: "health"}}
	refused := machine.Answer{At: seconds(59), Outcome: judge.Fail, Phase: "connect", Reason: "connection refused", Latency: 2e6}
	s.Processes[0].Checks = []machine.CheckState{
		{Name: "live", Judged: judge.State{Verdict: judge.Healthy}, Since: seconds(12), Answers: []machine.Answer{refused, {Outcome: judge.OK, Latency: 3e6}}},
		{Name: "ready", Judged: judge.State{Verdict: judge.Unhealthy, Failures: 3}, Since: seconds(59), Answers: []machine.Answer{refused}},
	}
	s.Processes[1].Checks = []machine.CheckState{{Name: "live", Judged: judge.State{Doubts: 2}, Answers: []machine.Answer{{Outcome: judge.Inconclusive, Phase: "resolve", Reason: "resolve db: no answer"}}}}
	s.Processes[3].Checks = []machine.CheckState{{Name: "live"}} // it never ran
	s.Snoozes = []machine.Snooze{{Snoozed: machine.Snoozed{Process: "web", Check: "live", Until: seconds(90), By: "uid 0 (root)", Reason: "re\x1bpairs"}}}
	return s
}

func TestStatusOfChecks(t *testing.T) {
	s := Of(&observer.View{ID: "t", State: sick()}, time.Unix(60, 0))
	const want = `CHECK      VERDICT    FOR  LAST ANSWER
health     starting        none yet
web/live   healthy    48s  ok in 3ms
web/ready  unhealthy  1s   fail in 2ms: connect: connection refused (failure 3 in a row)
db/live    starting        inconclusive: resolve db: no answer (inconclusive 2 times in a row)
`
	text := s.Text(seconds(60))
	if at := strings.Index(text, "CHECK "); at < 0 || text[at:] != want {
		t.Errorf("the checks (-want +got):\n%s", cmp.Diff(want, text[max(0, at):]))
	}
	until := time.Unix(90, 0).Local().Format(time.DateTime)
	for _, part := range []string{
		"ready, unhealthy: ready\n", "health: starting, stopping with TERM",
		"check web/live snoozed until " + until + " by uid 0 (root): re",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not said in\n%s", part, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("a terminal would obey the reason")
	}
	if got := s.line(time.Unix(60, 0))[3]; !strings.HasSuffix(got, "; unhealthy: web/ready") {
		t.Errorf("its line says %q", got)
	}
}

// Verdicts are told when they change, and not with each record.
func TestTellVerdicts(t *testing.T) {
	answered := func(run int, v judge.Verdict, why, reason string) machine.Answered {
		return machine.Answered{
			CheckID: machine.CheckID{Process: "web", Check: "live"}, Run: run, State: judge.State{Verdict: v}, Why: why,
			Answers: []machine.Answer{{Phase: "headers", Reason: reason}},
		}
	}
	var teller Teller
	for _, c := range []struct {
		record machine.Record
		want   string
	}{
		{answered(0, judge.Starting, "", "no"), ""},
		{answered(0, judge.Healthy, "", ""), "check web/live healthy"},
		{answered(0, judge.Healthy, "", ""), ""},
		{answered(0, judge.Unhealthy, "it failed", "no answer"), "check web/live unhealthy: it failed: headers: no answer"},
		{answered(1, judge.Starting, "", "no"), ""},
		{answered(1, judge.Healthy, "", ""), "check web/live healthy"},
		{machine.Snoozed{Until: seconds(90), By: "me", Reason: "r"}, "all checks snoozed until " + time.Unix(90, 0).Local().Format(time.DateTime) + " by me: r"},
		{machine.Unsnoozed{Process: "web", Check: "live", By: "me"}, "check web/live no longer snoozed: ended by me"},
		{machine.Unsnoozed{}, "all checks no longer snoozed: the time is up"},
	} {
		got, ok := teller.Line(seconds(1), c.record)
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.record, got, c.want)
		}
	}
}
