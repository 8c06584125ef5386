package command

import (
	"fmt"
	"strconv"
	"strings"
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
	a.Excerpt = printable(string(r.Output))
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
	a.Reason = a.Reason[:min(len(a.Reason), mostText)]
	return a
}

func megabytes(n int64) string { return strconv.FormatInt(n>>20, 10) + " MB" }

// mostText bounds reason and excerpt.
const mostText = 256

// printable is the end of a text in one line, without what a terminal would obey.
func printable(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "?"))
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\n' || c == '\t':
			c = ' '
		case !strconv.IsPrint(c):
			c = '?'
		}
		b.WriteRune(c)
	}
	text = b.String()
	return strings.ToValidUTF8(text[max(0, len(text)-mostText):], "")
}
