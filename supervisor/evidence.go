package supervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/dewarhq/dewar/supervisor/evidence"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Evidence is gathered beside the loop. Before a kill because a stop has timed
// out, and before a stop for health, the act waits for it: what is decided is
// recorded, evidence gathered, and then the act is performed. A brain that dies
// in between is followed by one that does the same again, if there is time. What
// has to do with memory or a core file holds up nothing but the record of the
// task's end.

const (
	// evidenceWithin is how long an act waits for evidence at most.
	evidenceWithin = 3 * time.Second
	// evidenceAtOnce is how many bundles are gathered at the same time.
	evidenceAtOnce = 4
)

// subject is what a bundle is about.
type subject struct {
	task.RunID
	why evidence.Why
}

// inquiry is a bundle that is being gathered.
type inquiry struct {
	subject
	waiting []machine.Act // to be performed after it
	cancel  context.CancelFunc
	err     error
}

// inquiries are all of them.
type inquiries struct {
	open      map[subject]*inquiry
	concluded chan *inquiry
	slots     chan struct{}
	running   sync.WaitGroup
}

func newInquiries() inquiries {
	return inquiries{
		open: make(map[subject]*inquiry), concluded: make(chan *inquiry),
		slots: make(chan struct{}, evidenceAtOnce),
	}
}

// awaitsEvidence says that an act is performed later: when evidence has been
// gathered of what it would destroy.
func (b *brain) awaitsEvidence(act machine.Act) bool {
	var i *inquiry
	switch a := act.(type) {
	case machine.Kill:
		s := subject{a.RunID, evidence.StopTimeout}
		if reason, by := b.timedOut(a.RunID); reason != "" {
			b.inquireOfLiving(s, reason, by)
			i = b.inquiries.open[s]
		}
	case machine.Stop:
		i = b.sickInquiry(a.RunID)
	case machine.PreStop:
		i = b.sickInquiry(a.RunID)
	case machine.Call:
		i = b.unwellInquiry()
	}
	if i != nil && !slices.Contains(i.waiting, act) {
		i.waiting = append(i.waiting, act)
	}
	return i != nil
}

// inquireOfLiving gathers evidence of a run that is about to be destroyed, if it
// lives, that was not done, there is time, and not too many others have to wait
// already.
func (b *brain) inquireOfLiving(s subject, reason string, by int64) {
	if b.machine.Budget != 0 {
		by = min(by, b.machine.Budget)
	}
	run, known := b.machine.Run(s.RunID)
	switch {
	case !known || !run.Live() || run.Pid == 0 || by <= shim.BootTime():
	case b.inquiries.open[s] == nil && len(b.inquiries.open) >= evidenceAtOnce:
		if !hasEvidence(&run, s.why) {
			b.facts = append(b.facts, machine.Gathered{RunID: s.RunID, For: string(s.why), Failure: "that of others was being gathered"})
		}
	default:
		b.inquireOnce(s, reason, by)
	}
}

func hasEvidence(run *machine.Run, why evidence.Why) bool {
	return slices.ContainsFunc(run.Evidence, func(e machine.Evidence) bool { return e.For == string(why) })
}

// inquireAfter gathers evidence of what a fact says, if that calls for any.
func (b *brain) inquireAfter(fact machine.Record) {
	by := shim.BootTime() + int64(evidenceWithin)
	switch f := fact.(type) {
	case machine.Thinned:
		b.inquireOnce(subject{f.RunID, evidence.OOM}, "it lives, and something of it was killed: "+f.OOM.String(), by)
	case machine.Ended:
		if f.OOM != nil && f.OOM.Kills > 0 {
			b.inquireOnce(subject{f.RunID, evidence.OOM}, f.OOM.String(), by)
		}
		if f.Core {
			b.inquireOnce(subject{f.RunID, evidence.Core}, b.crashed(f), by)
		}
	}
}

func (b *brain) inquireOnce(s subject, reason string, by int64) {
	if run, known := b.machine.Run(s.RunID); known && b.inquiries.open[s] == nil && !hasEvidence(&run, s.why) {
		b.inquire(s, reason, by)
	}
}

// inquire begins to gather, in a goroutine of its own, which the one who closes
// the brain waits for.
func (b *brain) inquire(s subject, reason string, by int64) {
	ctx, cancel := context.WithTimeout(b.until, time.Duration(by-shim.BootTime()))
	i := &inquiry{subject: s, cancel: cancel}
	b.inquiries.open[s] = i
	c, err := b.caseOf(s, reason)
	b.point("before gathering evidence")
	b.inquiries.running.Go(func() {
		defer cancel()
		if i.err = err; err == nil {
			i.err = gather(ctx, b.inquiries.slots, c)
		}
		select {
		case b.inquiries.concluded <- i:
		case <-b.until.Done():
		}
	})
}

// gather waits for its turn, and gathers.
func gather(ctx context.Context, slots chan struct{}, c evidence.Case) error {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return evidence.Gather(ctx, c)
	case <-ctx.Done():
		return errors.New("evidence of other runs was being gathered until the time was up")
	}
}

// conclude notes what became of gathering, and performs what has waited for it,
// unless that is done or of no use any more.
func (b *brain) conclude(i *inquiry) {
	delete(b.inquiries.open, i.subject)
	run, known := b.machine.Run(i.RunID)
	if known {
		noted := machine.Gathered{RunID: i.RunID, For: string(i.why)}
		if i.err != nil {
			noted.Failure = brief(i.err.Error())
			b.log("%v", i.err)
		}
		b.facts = append(b.facts, noted)
	}
	for _, act := range i.waiting {
		switch act.(type) {
		case machine.Call:
			b.perform(act)
		case machine.Kill:
			if run.Live() {
				b.perform(act)
			}
		default: // the beginning of a stop
			if run.Live() && run.Kill == "" {
				b.perform(act)
			}
		}
	}
}

// overtakeEvidence is for when everything is about to be killed: what waits for
// evidence does not matter any more.
func (b *brain) overtakeEvidence() {
	for _, i := range b.inquiries.open {
		if len(i.waiting) > 0 {
			i.waiting = nil
			i.cancel()
		}
	}
}

// concludeAll waits for what is being gathered: the task's end is about to be
// recorded, and nothing can be after that.
func (b *brain) concludeAll(ctx context.Context) error {
	for len(b.inquiries.open) > 0 {
		select {
		case i := <-b.inquiries.concluded:
			b.conclude(i)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// finishes says that the task's end is among decisions.
func finishes(decisions []machine.Decision) bool {
	return slices.ContainsFunc(decisions, func(d machine.Decision) bool { _, ok := d.Record.(machine.Finished); return ok })
}

// pruneEvidence removes the bundles of a process that the machine does not know,
// or no longer.
func (b *brain) pruneEvidence(process string) {
	state, _ := b.machine.Process(process)
	kept := make(map[string]bool)
	for _, run := range state.History {
		for _, e := range run.Evidence {
			kept[task.RunID{Process: process, Run: run.Run}.EvidenceDir(e.For)] = e.Failure == ""
		}
	}
	for s := range b.inquiries.open {
		dir := s.EvidenceDir(string(s.why))
		kept[dir], kept[dir+".part"] = true, true
	}
	for _, run := range state.History {
		above := filepath.Dir(task.RunID{Process: process, Run: run.Run}.EvidenceDir("x"))
		entries, err := os.ReadDir(filepath.Join(string(b.Dir), above))
		if err != nil {
			continue // there is none
		}
		for _, e := range entries {
			dir := filepath.Join(above, e.Name())
			if kept[dir] {
				continue
			}
			if err := os.RemoveAll(filepath.Join(string(b.Dir), dir)); err != nil {
				b.log("old evidence stays on the disk: %v", err)
			}
		}
	}
}
