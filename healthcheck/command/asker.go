package command

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
)

// asker asks by running a command.
type asker struct {
	*cell
	asking sync.Mutex
	closed bool
}

// Asker asks by running a command; its phase is always healthcheck.Exec, its
// excerpt the end of the output. Close kills what runs, and comes back when it is
// dead, or after 50 ms.
func (r *Runner) Asker(c Command) healthcheck.Asker { return &asker{cell: r.newCell(&c)} }

func (a *asker) Ask(deadline time.Time) healthcheck.Answer {
	a.asking.Lock()
	defer a.asking.Unlock()
	given := time.Until(deadline)
	return a.run(deadline).answer(given)
}

func (a *asker) Close() error {
	a.shut()
	a.asking.Lock() // until Ask has come back
	defer a.asking.Unlock()
	if !a.closed {
		a.closed = true
		a.close()
	}
	return nil
}

// answer is what a check makes of a result. given was the command's time.
func (r Result) answer(given time.Duration) healthcheck.Answer {
	a := healthcheck.Answer{Outcome: judge.Fail, Phase: healthcheck.Exec, Latency: r.Took}
	a.Excerpt = healthcheck.Clean(string(r.Output[max(0, len(r.Output)-mostExcerpt):]))
	switch {
	case r.OK():
		a.Outcome = judge.OK
	case r.Cut:
		a.Outcome, a.Reason = judge.Inconclusive, "it was not asked to the end"
	case r.Why != "":
		a.Reason = r.Why
		if r.Ours {
			a.Outcome = judge.Inconclusive
		} else if r.Gone {
			a.Outcome = judge.Misconfigured
		}
	case r.Memory > 0:
		a.Reason = "out of memory: the command may have " + megabytes(r.Memory)
	case r.Late:
		a.Reason = fmt.Sprintf("it did not end within %v, and was killed", given.Round(time.Millisecond))
	case r.Signal != 0:
		a.Reason = fmt.Sprintf("it was killed by %s (%d)", unix.SignalName(r.Signal), int(r.Signal))
	default:
		a.Reason = "exit status " + strconv.Itoa(r.Exit)
	}
	a.Reason = healthcheck.Clean(a.Reason)
	return a
}

func megabytes(n int64) string { return strconv.FormatInt(n>>20, 10) + " MB" }

// mostExcerpt is how much of the end of the output is told.
const mostExcerpt = 240
