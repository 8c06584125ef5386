package judge

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/task"
)

func TestRuleOf(t *testing.T) {
	c := task.DefaultCheck()
	if got := RuleOf(&c); got != aurora {
		t.Errorf("Aurora's defaults are judged by %+v, want %+v", got, aurora)
	}
	for initial, want := range map[time.Duration]int{0: 0, 1: 1, 10 * time.Second: 1, 10*time.Second + 1: 2, 1<<63 - 1: 922337204} {
		c.InitialInterval = task.Duration(initial)
		if got := RuleOf(&c).Forgiving; got != want {
			t.Errorf("initial_interval %v forgives %d attempts, want %d", initial, got, want)
		}
	}
	c.Interval, c.MaxConsecutiveFailures, c.MinConsecutiveSuccesses = 1, 1<<62, 1<<62
	if r := RuleOf(&c); r.Attempts() <= 0 {
		t.Errorf("%+v has %d attempts", r, r.Attempts())
	}
}

// hang asks a target that answers at once until it hangs at a time, or never
// answers if that is 0, and says when it is unhealthy. Attempts are start to
// start and do not overlap.
func hang(c *task.Check, at task.Duration) task.Duration {
	r, s := RuleOf(c), State{}
	for start := task.Duration(0); ; {
		outcome, end := OK, start
		if start >= at {
			outcome, end = Fail, start+c.Timeout
		}
		if s, _ = r.Judge(s, outcome, int64(end)); s.Verdict == Unhealthy {
			return end
		}
		for next := start; start < end || start == next; {
			start += c.Interval
		}
	}
}

// What task.Check says of how long it takes until a target that hangs is
// unhealthy is true, and no longer than need be.
func TestDetectionIsTheWorstCase(t *testing.T) {
	worst := 0
	rapid.Check(t, func(t *rapid.T) {
		c := task.DefaultCheck()
		c.Interval = task.Duration(rapid.IntRange(1, 20).Draw(t, "interval"))
		c.Timeout = task.Duration(rapid.IntRange(1, 50).Draw(t, "timeout"))
		c.InitialInterval = task.Duration(rapid.IntRange(0, 60).Draw(t, "initial"))
		c.MaxConsecutiveFailures = rapid.IntRange(0, 3).Draw(t, "failures")
		c.MinConsecutiveSuccesses = rapid.IntRange(1, 3).Draw(t, "successes")
		said := c.Detection()
		if took := hang(&c, 0); took > said.Start-task.Lateness {
			t.Errorf("never healthy: unhealthy after %d, and %d was said", took, said.Start-task.Lateness)
		}
		early := task.Duration(rapid.IntRange(1, 100).Draw(t, "early")) // perhaps in the grace
		if took, most := hang(&c, early), max(said.Start, early+said.Running)-task.Lateness; took > most {
			t.Errorf("hung at %d: unhealthy at %d, and %d was said", early, took, most)
		}
		r := RuleOf(&c)
		later := task.Duration(r.Attempts())*c.Interval + task.Duration(rapid.IntRange(0, 50).Draw(t, "at"))
		took := hang(&c, later) - later
		if took > said.Running-task.Lateness {
			t.Errorf("hung at %d: unhealthy after %d, and %d was said", later, took, said.Running-task.Lateness)
		}
		if took >= said.Running-task.Lateness-1 {
			worst++
		}
	})
	if worst == 0 {
		t.Error("no target took as long as was said: it could have been said shorter")
	}
}
