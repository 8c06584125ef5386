package judge

import "github.com/dewarhq/dewar/task"

// most bounds counts, so that sums of them do not overflow; nobody waits for so
// many attempts.
const most = 1 << 30

// RuleOf is how the answers to a check are judged. It wants a check that
// task.Validate has nothing against.
func RuleOf(c *task.Check) Rule {
	forgiving := (c.InitialInterval + c.Interval - 1) / c.Interval
	if c.InitialInterval > 0 && forgiving <= 0 || forgiving > most {
		forgiving = most
	}
	return Rule{
		Forgiving:    int(forgiving),
		MaxFailures:  min(c.MaxConsecutiveFailures, most),
		MinSuccesses: min(c.MinConsecutiveSuccesses, most),
		MaxDoubts:    c.MaxInconclusive,
		DoubtsFor:    int64(c.InconclusiveFor),
	}
}
