package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// brain is one task being driven. Its fields belong to the goroutine of Run.
type brain struct {
	Config
	launch    task.Launch
	processes map[string]*task.Process
	users     map[string]sandbox.User

	machine  *machine.Machine
	journal  *journal.Journal
	compact  compaction
	boot     string // this boot's id
	rebooted bool   // since the task was taken up last
	taken    bool   // our TakenUp is among the facts, or recorded

	shim  *client.Conn
	alarm *alarm
	door  *door
	groups
	farewells
	checks
	runner    *command.Runner // nil until it is needed
	inquiries inquiries
	ledger    ledger
	clearing  bool // the shim was asked to clear
	alive     int  // runs and strays that it named when it was last asked
	helloed   bool // the shim has been told that we work

	facts     []machine.Record    // known, and not yet recorded
	pending   map[task.RunID]bool // runs that these are about
	unspawned map[task.RunID]bool // their forking is recorded, but there was no room for more, or their group is being killed
	stale     map[task.RunID]bool // they have a status, and the journal did not know them
	requests  []request           // to be sent to the shim
	flights   []flight            // sent, and not yet answered
	full      bool                // the disk is full
	retry     *time.Timer         // runs only while it is

	// What is still to be done, set by whoever learns of it, done by settle.
	relist   bool // ask the shim for everything: something was missed
	resume   bool // repeat what a death may have left undone
	shutdown bool // read the file of that name
	cleared  bool // the shim says that nothing lives
}

// errShimGone says that the connection to the shim has ended.
var errShimGone = errors.New("the shim has gone")

// drive recovers, then runs the loop, until the task is finished (nil), ctx is
// done, or an error stops it; errShimGone is one.
func (b *brain) drive(ctx context.Context, g client.Greeting) error {
	b.helloed, b.requests, b.flights, b.clearing, b.cleared = false, nil, nil, false, false
	b.shimPid = g.ShimPid
	if over(b.machine.Phase()) {
		b.settleNames()
		return b.end(ctx)
	}
	if err := b.compare(ctx, g); err != nil {
		return err
	}
	if err := b.contain(ctx); err != nil {
		return err
	}
	if err := b.openDisk(ctx); err != nil {
		return err
	}
	b.resume, b.shutdown = true, true
	for {
		if err := b.settle(ctx); err != nil {
			return err
		}
		if over(b.machine.Phase()) {
			return b.end(ctx)
		}
		if err := b.greet(ctx); err != nil {
			return err
		}
		if err := b.wait(ctx); err != nil {
			return err
		}
	}
}

// greet opens the door and tells the shim that this brain works, once what is
// urgent after a start has been done.
func (b *brain) greet(ctx context.Context) error {
	if b.door == nil {
		door, err := openDoor(ctx, b.Dir)
		if err != nil {
			return err
		}
		b.door = door
	}
	if b.helloed {
		return nil
	}
	b.helloed = true
	return b.tell("hello", func() error { return b.shim.Hello(b.Version) })
}

// wait blocks until something happens, and takes in all that has.
func (b *brain) wait(ctx context.Context) error {
	deadline, ok := b.machine.Deadline()
	if !ok {
		deadline = 0
	}
	if err := b.alarm.set(deadline); err != nil {
		return err
	}
	select {
	case bell, ok := <-b.shim.Bells():
		if !ok {
			return fmt.Errorf("%w: %w", errShimGone, b.shim.Err())
		}
		b.hear(bell)
	case a := <-b.door.asks:
		return b.answer(ctx, a)
	case <-b.alarm.rang:
		b.alarm.heard()
	case g := <-b.emptied:
		b.interred(g)
	case i := <-b.inquiries.concluded:
		b.conclude(i)
	case r := <-b.parted:
		b.noteParted(r)
	case bell, ok := <-b.memoryBells():
		if !ok {
			b.deafMemory()
			return nil
		}
		b.heedMemory(bell.Group)
	case <-b.second.C:
		b.heedAgain()
	case <-b.checkBell():
		b.hearChecks()
	case t := <-b.diskTold():
		b.hearDisk(t)
	case <-b.retry.C:
		return b.tryAgain()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// hear takes in a bell and all others that wait behind it.
func (b *brain) hear(bell client.Bell) {
	rung := make(map[task.RunID]bool)
	for {
		switch bell.Kind {
		case shim.BellStarted, shim.BellReady, shim.BellEnded, shim.BellEmptied:
			rung[bell.RunID] = true
		case shim.BellCleared:
			b.relist, b.cleared = true, b.clearing
		case shim.BellShutdown:
			b.shutdown = true
		default: // BellList, or one that a newer shim has
			b.relist = true
			if b.clearing { // its bell may be among those that were lost
				b.queue(machine.Clear{})
			}
		}
		next, ok := client.Bell{}, false
		select {
		case next, ok = <-b.shim.Bells():
		default:
		}
		if !ok {
			break
		}
		bell = next
	}
	for id := range rung {
		b.learn(id)
	}
}

// settle records what is known and does what the machine decides, until there
// is nothing more to do, or no room to record it in.
func (b *brain) settle(ctx context.Context) error {
	for {
		more, err := b.step(ctx)
		if err != nil {
			return err
		}
		if !more && len(b.requests)+len(b.flights) == 0 {
			b.followChecks()
			b.compactIfDue()
			return nil
		}
		if !more {
			if err := b.send(); err != nil {
				return err
			}
		}
	}
}

// step does what comes next, and says false when nothing does or there is no
// room for it. Requests to the shim gather meanwhile; all of them follow from
// what is recorded.
func (b *brain) step(ctx context.Context) (more bool, err error) {
	switch {
	case len(b.facts) > 0:
		return b.recordFacts()
	case b.relist || !b.taken:
		return true, b.list(ctx)
	case len(b.due) > 0:
		return true, b.recordAnswers()
	case b.cleared:
		b.noteCleared()
		return true, nil
	case b.frozen && !b.machine.Paused():
		return true, b.settleFreezer(ctx)
	case b.resume:
		b.resume = false
		b.redo()
		return true, nil
	case b.shutdown:
		return b.heedShutdown()
	}
	decisions := b.machine.Decide(now())
	if len(decisions) == 0 {
		return false, nil
	}
	if len(b.inquiries.open) > 0 && finishes(decisions) {
		return true, b.concludeAll(ctx)
	}
	return b.decide(decisions)
}

func over(phase machine.TaskState) bool {
	switch phase {
	case machine.Success, machine.Failed, machine.Killed, machine.Lost:
		return true
	}
	return false
}
