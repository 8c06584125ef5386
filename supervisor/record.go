package supervisor

import (
	"errors"
	"fmt"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// record writes records into the journal, all or none, and then tells the
// machine. The error is journal.ErrFull if there is no room in that space.
func (b *brain) record(space journal.Space, records ...machine.Record) error {
	at := now()
	payloads := make([][]byte, len(records))
	for i, r := range records {
		payloads[i] = machine.Encode(b.machine.Seq()+1+uint64(i), at, r)
	}
	b.crash("before writing", records)
	if err := b.journal.Append(space, payloads...); err != nil {
		return fmt.Errorf("record %T: %w", records[0], err)
	}
	b.crash("after writing", records)
	for _, r := range records {
		if err := b.machine.Apply(at, r); err != nil {
			return fmt.Errorf("apply the recorded %T: %w", r, err)
		}
	}
	return nil
}

func (b *brain) crash(when string, records []machine.Record) {
	if b.Crash != nil {
		b.Crash(fmt.Sprintf("%s %T", when, records[0]))
	}
}

// recordFacts writes what is known and not yet recorded, and takes note of the
// runs that the shim need not remember any more. Without room it forgets the
// facts, which the shim does not, and says false.
func (b *brain) recordFacts() (bool, error) {
	if len(b.facts) == 0 {
		return true, nil
	}
	facts := b.facts
	b.facts = nil
	clear(b.pending)
	err := b.record(journal.Reserve, facts...)
	if errors.Is(err, journal.ErrFull) {
		b.relist = true
		b.becomeFull(err)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, fact := range facts {
		b.recorded(fact)
	}
	return true, nil
}

// recorded does what follows a fact.
func (b *brain) recorded(fact machine.Record) {
	b.inquireAfter(fact)
	switch f := fact.(type) {
	case machine.TakenUp:
		b.taken, b.rebooted = true, false
	case machine.Ended:
		b.cutShort(f.RunID)
		delete(b.unspawned, f.RunID)
		if f.Left == 0 {
			b.forget(f.RunID)
		}
	case machine.Emptied:
		b.forget(f.RunID)
	case machine.Gathered:
		b.pruneEvidence(f.Process)
	}
}

// decide records decisions and queues the acts that follow them. Starts may
// not touch the journal's reserve: where they have no room, the machine is told
// that the disk is full, and decides again without them. It says false when
// there is no room even in the reserve; the decisions come again.
func (b *brain) decide(decisions []machine.Decision) (bool, error) {
	space := journal.Ordinary
	if b.full {
		space = journal.Reserve
	}
	records := make([]machine.Record, len(decisions))
	for i, d := range decisions {
		records[i] = d.Record
	}
	err := b.record(space, records...)
	if errors.Is(err, journal.ErrFull) {
		wasFull := b.full
		b.becomeFull(err)
		return !wasFull, nil
	}
	if err != nil {
		return false, err
	}
	for _, d := range decisions {
		if d.Act != nil {
			b.queue(d.Act)
		}
	}
	return true, nil
}
