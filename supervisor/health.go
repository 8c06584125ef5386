package supervisor

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/watch"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// checks are the task's checks that are being asked. A task that has none has
// neither a watch nor anything else here.
type checks struct {
	watch   *watch.Watch // nil until something is to be asked
	asked   map[machine.CheckID]*asked
	due     []machine.CheckID  // answers of these are to be recorded
	strains map[string]*strain // by process
	seen    uint64             // what AskingChanged answered last
}

// asked is a check that is being asked, of one run.
type asked struct {
	machine.Asked
	snoozed atomic.Bool
	answers []machine.Answer // not recorded yet
}

// checkBell is nil, which never rings, unless something is being asked.
func (b *brain) checkBell() <-chan struct{} {
	if b.watch == nil {
		return nil
	}
	return b.watch.Bell()
}

// followChecks asks what the machine wants to be asked, and nothing else.
func (b *brain) followChecks() {
	seen := b.machine.AskingChanged()
	if seen == b.checks.seen {
		return
	}
	b.checks.seen = seen
	wanted := make(map[machine.CheckID]bool)
	var questions []watch.Question
	for _, a := range b.machine.Asking() {
		wanted[a.CheckID] = true
		if q := b.asked[a.CheckID]; q != nil && q.Run == a.Run {
			q.snoozed.Store(a.Snoozed)
			continue
		}
		questions = append(questions, b.question(a))
	}
	for id := range b.asked {
		if !wanted[id] {
			delete(b.asked, id)
			b.watch.Drop(id.Process, id.Check)
		}
	}
	if len(questions) > 0 {
		if b.watch == nil {
			b.watch = watch.New(b.launch.ID)
		}
		b.watch.Add(questions...)
	}
}

// hearChecks takes answers in, and notes what of them is to be recorded.
func (b *brain) hearChecks() {
	told, errs := b.watch.Take()
	for _, err := range errs {
		b.log("%v", err)
	}
	for _, t := range told {
		id := machine.CheckID{Process: t.Process, Check: t.Check}
		q := b.asked[id]
		if q == nil || q.Run != t.Run {
			continue
		}
		q.gather(machine.Answer{
			At: machine.Instant{Boot: t.Boot, Wall: t.At.UnixNano()}, Outcome: t.Answer.Outcome,
			Phase: string(t.Answer.Phase), Reason: t.Answer.Reason, Excerpt: t.Answer.Excerpt, Latency: int64(t.Answer.Latency), Missed: t.Missed,
		})
		if !slices.Contains(b.due, id) {
			b.due = append(b.due, id)
		}
	}
}

// mostGathered bounds how many answers wait for room on a full disk. What is
// older then is as if it had never been asked.
const mostGathered = 1000

func (q *asked) gather(a machine.Answer) {
	q.answers = append(q.answers, a)
	if extra := len(q.answers) - mostGathered; extra > 0 {
		q.answers = slices.Delete(q.answers, 0, extra)
	}
}

// mostTold is how many answers a record has at most: as many as are kept of a check.
const mostTold = 20

// recordAnswers records what the machine wants to have recorded of the answers
// that came. A verdict that is acted upon may be written from the journal's
// reserve; all others wait while the disk is full.
func (b *brain) recordAnswers() error {
	due := b.due
	b.due = nil
	for _, id := range due {
		q := b.asked[id]
		if q == nil {
			continue
		}
		r, ok := b.machine.Consider(id, q.Run, q.answers...)
		if !ok {
			continue
		}
		space := journal.Ordinary
		if b.fatal(&r) {
			space = journal.Reserve
		} else if b.full {
			continue
		}
		r.Answers = r.Answers[max(0, len(r.Answers)-mostTold):]
		err := b.record(space, r)
		if errors.Is(err, journal.ErrFull) {
			b.becomeFull(err)
			continue
		}
		if err != nil {
			return err
		}
		q.answers = nil
		switch {
		case r.State.Verdict != judge.Unhealthy:
		case b.machine.Sick != nil:
			b.unwellInquiry()
		default:
			b.sickInquiry(task.RunID{Process: id.Process, Run: q.Run})
		}
	}
	return nil
}

// fatal says that answers lead to a stop, or to the end of the task.
func (b *brain) fatal(r *machine.Answered) bool {
	return r.State.Verdict == judge.Unhealthy &&
		(b.check(r.CheckID).Action != task.NoAction || r.Answers[len(r.Answers)-1].Outcome == judge.Misconfigured)
}

// closeChecks ends all asking.
func (b *brain) closeChecks() {
	if b.watch != nil && !b.watch.Stop() {
		b.log("a check that was being asked goes on to its deadline")
	}
}
