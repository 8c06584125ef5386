package disk

import "time"

const (
	// share of one CPU, as a divisor, that walks of one sandbox may use: 0.63 %.
	// Waking up 3 times a second costs the process 0.1 % more; 1 % is promised.
	share = 160
	// slice of CPU time after which a walk sleeps.
	slice = 2 * time.Millisecond
	// period between the beginnings of two walks, at least: two, of which the
	// second confirms the first, find a small tree over its limit within 10 s.
	period = 4 * time.Second
)

// owed is how long a walk has to sleep that has used cpu since it began, elapsed
// ago, to stay within its share.
func owed(cpu, elapsed time.Duration) time.Duration {
	return max(0, cpu*share-elapsed)
}

// rest is how long to wait after a walk that used cpu and took elapsed until the
// next may begin. A walk that is to confirm the last one need not wait for the
// period, but no walk goes beyond the share.
func rest(cpu, elapsed time.Duration, confirm bool) time.Duration {
	if confirm {
		return owed(cpu, elapsed)
	}
	return max(period-elapsed, owed(cpu, elapsed))
}
