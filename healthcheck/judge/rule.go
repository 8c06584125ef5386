package judge

import "github.com/dewarhq/dewar/task"

// most bounds counts, so that sums of them do not overflow; nobody waits for so
// many attempts.
const most = 1_000_000_000

// RuleOf is how the answers to a check are judged. It wants a check that
// task.Validate has nothing against.
func RuleOf(c *task.Check) Rule {
	return Rule{
		Forgiving:    c.Forgiven(),
		MaxFailures:  min(c.MaxConsecutiveFailures, most),
		MinSuccesses: min(c.MinConsecutiveSuccesses, most),
		MaxDoubts:    c.MaxInconclusive,
		DoubtsFor:    int64(c.InconclusiveFor),
	}
}
