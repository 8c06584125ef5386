package judge

import "fmt"

// Outcome is what asking came to.
type Outcome string

const (
	OK            Outcome = "ok"
	Fail          Outcome = "fail"
	Inconclusive  Outcome = "inconclusive"  // we could not ask, or were too starved to be fair
	Misconfigured Outcome = "misconfigured" // asking again cannot help: the check itself is wrong
	Snoozed       Outcome = "snoozed"       // a person wants no verdict now
)

// Verdict is what the answers so far say of the target.
type Verdict string

const (
	Starting  Verdict = ""
	Healthy   Verdict = "healthy"
	Unhealthy Verdict = "unhealthy"
)

// Rule is what a check's file says about judging. The zero value is not useful.
type Rule struct {
	Forgiving    int   // attempts at first of which failures are ignored
	MaxFailures  int   // max_consecutive_failures: one more of them in a row is too many
	MinSuccesses int   // min_consecutive_successes, at least 1
	MaxDoubts    int   // inconclusive answers in a row that are borne, at least 1 …
	DoubtsFor    int64 // … and for so many nanoseconds since the first of them
}

// Attempts is within how many of them a target has to become healthy.
func (r Rule) Attempts() int { return r.Forgiving + r.MaxFailures + r.MinSuccesses }

// State is what must be remembered from one answer to the next; the zero value
// is that of a target that was never asked.
type State struct {
	Verdict   Verdict `json:"verdict,omitempty"`
	Attempts  int     `json:"attempts,omitempty"`  // so far; no more are counted than Rule.Attempts
	Successes int     `json:"successes,omitempty"` // in a row; no more are counted than MinSuccesses
	Failures  int     `json:"failures,omitempty"`  // that count, in a row; no more are counted than are too many
	Doubts    int     `json:"doubts,omitempty"`    // inconclusive answers in a row
	Since     int64   `json:"since,omitempty"`     // boot time of the first of them, nanoseconds
}

// Judge is the state after one more answer, which came at a boot time in
// nanoseconds. The sentence is not empty if that answer made the target
// unhealthy: it says by which rule, as the end of "… is unhealthy: ".
func (r Rule) Judge(s State, o Outcome, at int64) (State, string) {
	switch o {
	case OK:
		return r.ok(s)
	case Fail:
		s.Doubts, s.Since = 0, 0
		return r.fail(s)
	case Inconclusive:
		return r.doubt(s, at)
	case Misconfigured:
		return r.condemn(s, "it cannot be asked, and trying again does not help")
	}
	return s, ""
}

func (r Rule) ok(s State) (State, string) {
	s.Doubts, s.Since, s.Failures = 0, 0, 0
	s.Successes = min(s.Successes+1, r.MinSuccesses)
	s.Attempts = min(s.Attempts+1, r.Attempts())
	if s.Successes == r.MinSuccesses {
		s.Verdict = Healthy
		return s, ""
	}
	return r.hurry(s)
}

func (r Rule) fail(s State) (State, string) {
	s.Successes = 0
	s.Attempts = min(s.Attempts+1, r.Attempts())
	if s.Attempts <= r.Forgiving {
		return s, ""
	}
	if s.Failures = min(s.Failures+1, r.MaxFailures+1); s.Failures > r.MaxFailures {
		return r.condemn(s, failed(s.Failures))
	}
	return r.hurry(s)
}

// hurry is for a target that has to become healthy in time.
func (r Rule) hurry(s State) (State, string) {
	left := r.Attempts() - s.Attempts
	if s.Verdict != Starting || r.MinSuccesses-s.Successes <= left {
		return s, ""
	}
	if left == 0 {
		return r.condemn(s, fmt.Sprintf("not enough successful checks in time: %d in a row were needed within %s", r.MinSuccesses, tries(r.Attempts())))
	}
	return r.condemn(s, fmt.Sprintf("not enough successful checks in time: %d in a row are needed, and of %s %d remain", r.MinSuccesses, tries(r.Attempts()), left))
}

// doubt is an answer that says nothing, until there have been too many.
func (r Rule) doubt(s State, at int64) (State, string) {
	if s.Doubts == 0 {
		s.Since = at
	}
	s.Doubts = min(s.Doubts+1, r.MaxDoubts)
	if s.Doubts < r.MaxDoubts || at-s.Since < r.DoubtsFor {
		return s, ""
	}
	return r.fail(s)
}

func (r Rule) condemn(s State, why string) (State, string) {
	if s.Verdict == Unhealthy {
		return s, ""
	}
	s.Verdict = Unhealthy
	return s, why
}

func failed(n int) string {
	if n == 1 {
		return "it failed, and no failure is borne"
	}
	return fmt.Sprintf("it failed %d times in a row", n)
}

func tries(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}
