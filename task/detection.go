package task

import "math"

// Detection says how long it takes at most until a check is unhealthy.
type Detection struct {
	Running Duration `json:"running"` // from when a target that was well begins to hang
	Start   Duration `json:"start"`   // from the first attempt, of a target that never becomes well
	Starved Duration `json:"starved"` // how much longer, while the machine is so busy that no attempt is a fair one
}

// Lateness is by how much an attempt may begin or end late and still count, at
// the most.
const Lateness = Duration(1e9)

// Detection is the worst case. It wants a check that Validate has nothing
// against.
func (c *Check) Detection() Detection {
	step := c.Interval.times(ceil(c.Timeout, c.Interval)) // attempts do not overlap
	end := c.Timeout.plus(c.age()).plus(Lateness)
	attempts := c.Forgiven() + min(c.MaxConsecutiveFailures, 1e9) + min(c.MinConsecutiveSuccesses, 1e9)
	return Detection{
		Running: c.Interval.plus(step.times(c.MaxConsecutiveFailures)).plus(end),
		Start:   step.times(attempts - 1).plus(end),
		Starved: max(step.times(c.MaxInconclusive), c.InconclusiveFor.plus(step)),
	}
}

// Forgiven is of how many attempts at first failures are ignored:
// ⌈initial_interval ÷ interval⌉, and at most a billion.
func (c *Check) Forgiven() int { return min(ceil(c.InitialInterval, c.Interval), 1e9) }

// age is how old a word of the process may be.
func (c *Check) age() Duration {
	switch {
	case c.File != nil:
		return c.File.MaxAge
	case c.Notify != nil:
		return c.Notify.MaxAge
	}
	return 0
}

// ceil is how many whole spans it takes to cover d.
func ceil(d, span Duration) int {
	n := d / span
	if d%span > 0 {
		n++
	}
	return int(n)
}

// plus and times stop at the longest duration there is.
func (d Duration) plus(e Duration) Duration {
	if e > 0 && d > math.MaxInt64-e {
		return math.MaxInt64
	}
	return d + e
}

func (d Duration) times(n int) Duration {
	if n > 0 && d > math.MaxInt64/Duration(n) {
		return math.MaxInt64
	}
	return d * Duration(n)
}
