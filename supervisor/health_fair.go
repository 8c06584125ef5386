package supervisor

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/watch"
	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// fair is an Asker that asks nobody while a person does not want it, and blames
// no target for what was kept from it: processor time by a quota, or memory.
type fair struct {
	healthcheck.Asker
	snoozed    *atomic.Bool // by a person, who asked the brain
	snoozeFile string       // by one who made this file
	strain     *strain
}

func (f *fair) Ask(deadline time.Time) healthcheck.Answer {
	if f.snoozed.Load() {
		return healthcheck.Answer{Outcome: judge.Snoozed}
	}
	if _, err := os.Lstat(f.snoozeFile); err == nil {
		return healthcheck.Answer{Outcome: judge.Snoozed, Reason: "there is a " + snoozeName + " in the sandbox"}
	}
	begun, start := f.strain.take(freshEnough), time.Now()
	answer := f.Asker.Ask(deadline)
	if answer.Outcome != judge.Fail || 2*time.Since(start) < deadline.Sub(start) {
		return answer // what fails so soon does not want for time
	}
	if why := f.strain.take(0).blame(begun); why != "" {
		return watch.Doubt(answer, why)
	}
	return answer
}

// snoozeName is the file in the sandbox that snoozes every check for as long as
// it is there, as in Thermos.
const snoozeName = ".healthchecksnooze"

// freshEnough is how old what is known of strain may be when an attempt begins:
// no older than the period of a quota. Many checks share a reading.
const freshEnough = 100 * time.Millisecond

// strain reads what keeps groups from running, for all checks that depend on
// them. It is used by the goroutines of attempts.
type strain struct {
	groups []cgroup.Group // the target's, and that of the command which asks

	mu   sync.Mutex
	last strained
}

// strained is what the groups have suffered until some moment.
type strained struct {
	at   time.Time
	of   []cgroup.Strain
	lame error // nothing is known, and why
}

// take is the strain of now, or of a moment ago at the most.
func (s *strain) take(age time.Duration) strained {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.groups) == 0 || age > 0 && time.Since(s.last.at) < age {
		return s.last
	}
	now := strained{at: time.Now(), of: make([]cgroup.Strain, len(s.groups))}
	for i, g := range s.groups {
		var err error
		if now.of[i], err = g.Strain(); err != nil {
			now.lame = err
		}
	}
	s.last = now
	return now
}

// blame says what was kept from the target since then, empty if nothing was that
// excuses it: a quota was used up, or for a quarter of the time everybody stood
// waiting for memory.
func (s strained) blame(was strained) string {
	const part = 4
	if s.lame != nil || was.lame != nil || len(s.of) != len(was.of) {
		return ""
	}
	span := s.at.Sub(was.at)
	for i := range s.of {
		d := s.of[i].Since(was.of[i])
		switch {
		case d.Throttled > 0:
			return fmt.Sprintf("a quota of processor time was used up meanwhile, %d times", d.Throttled)
		case d.Stalled > span/part:
			return fmt.Sprintf("everybody in its group stood waiting for memory meanwhile, for %s", d.Stalled.Round(time.Millisecond))
		case d.Machine > span/part:
			return fmt.Sprintf("everybody on this machine stood waiting for memory meanwhile, for %s", d.Machine.Round(time.Millisecond))
		}
	}
	return ""
}
