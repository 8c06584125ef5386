// Package notify asks when a run last said WATCHDOG=1 on its $NOTIFY_SOCKET. The
// shim hears that and writes it down, whether or not a brain lives; see package
// supervisor/shim, file watchdog.
package notify

import (
	"fmt"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/supervisor/shim"
)

// asker looks at the file of one run.
type asker struct {
	runDir  string
	started int64
	maxAge  time.Duration
}

// New asks of the run whose directory is given, and which was executed at a boot
// time in nanoseconds: what it said longer than maxAge ago is a failure, and
// before its first word the time since it was executed counts. Its phase is
// always healthcheck.Exec; it never waits.
func New(runDir string, started int64, maxAge time.Duration) healthcheck.Asker {
	return &asker{runDir, started, maxAge}
}

func (a *asker) Ask(time.Time) healthcheck.Answer {
	began := shim.BootTime()
	answer := a.judge()
	answer.Phase, answer.Latency = healthcheck.Exec, time.Duration(shim.BootTime()-began)
	return answer
}

func (a *asker) judge() healthcheck.Answer {
	at, err := shim.ReadWatchdog(a.runDir)
	if err != nil {
		return healthcheck.Answer{Outcome: judge.Inconclusive, Reason: bounded(err.Error())}
	}
	said, since := "WATCHDOG=1 was last said %v ago, longer than %v", at
	if at == 0 {
		said, since = "WATCHDOG=1 was not said since the start %v ago, longer than %v", a.started
	}
	age := time.Duration(shim.BootTime() - since)
	if age > a.maxAge {
		return healthcheck.Answer{Outcome: judge.Fail, Reason: fmt.Sprintf(said, age.Round(time.Millisecond), a.maxAge)}
	}
	return healthcheck.Answer{Outcome: judge.OK}
}

func (a *asker) Close() error { return nil }

// bounded is a sentence of at most 256 bytes.
func bounded(text string) string { return text[:min(len(text), 256)] }
