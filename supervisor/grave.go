package supervisor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// patienceWithDead is how long what was killed may take to die before it is
// named.
const patienceWithDead = 10 * time.Second

// grave is what became of killing a group.
type grave struct {
	process string           // "": the whole task
	err     error            // nil: it has been seen empty, and the leaves are removed
	leaves  []string         // the processes whose leaves these are
	tallies map[string]tally // what is counted in these: they are about to be removed
}

// inter kills everything in the leaf of a process, or with "" in the task and
// whatever commands stand beside it, in a goroutine of its own, which tells b.emptied: once when all are dead and
// their leaves removed, and before that whenever somebody does not die, or a leaf
// does not go. The one who closes the brain waits for it.
func (b *brain) inter(process string) {
	if b.graves[process] {
		return
	}
	b.graves[process] = true
	leaves := []string{process}
	if process == "" {
		leaves = nil // it is over, or only finals are to come, in leaves of their own
		if !b.clearing {
			leaves = slices.Collect(maps.Keys(b.limited))
		}
	}
	for _, name := range leaves {
		b.unwatch(name)
	}
	b.digging.Add(1)
	go func() {
		defer b.digging.Done()
		b.dig(process, leaves)
	}()
}

// interRun kills everything of a run through its leaf, unless that also holds
// what is not to die: a run beside what an earlier one was allowed to leave.
func (b *brain) interRun(id task.RunID) {
	if b.tree == nil || !b.limited[id.Process] && !b.tree.Process(id.Process).Exists() {
		return
	}
	if p := b.processes[id.Process]; p != nil && p.Leave {
		return
	}
	b.inter(id.Process)
}

// dig is the goroutine of inter. Of the brain it uses only what does not change.
func (b *brain) dig(process string, leaves []string) {
	group := b.tree.Task()
	if process != "" {
		group = b.tree.Process(process)
	}
	tell := func(g grave) {
		select {
		case b.emptied <- g:
		case <-b.until.Done():
		}
	}
	g := grave{process: process, leaves: leaves}
	for b.until.Err() == nil {
		inTime, cancel := context.WithTimeout(b.until, patienceWithDead)
		g.err = group.Kill(inTime)
		if g.err == nil && process == "" {
			g.err = b.tree.Checks().Kill(inTime) // commands of a brain that is no more
		}
		cancel()
		if g.err == nil && len(leaves) > 0 {
			tell(grave{process: process, tallies: tallies(b.tree, leaves)})
			g.err = level(b.until, b.tree, leaves)
		}
		tell(g)
		switch {
		case g.err == nil:
			return
		case errors.As(g.err, new(*cgroup.Alive)), errors.Is(g.err, syscall.EBUSY): // that took its time
		default: // it could not be asked
			select {
			case <-time.After(patienceWithDead):
			case <-b.until.Done():
			}
		}
	}
}

// interred notes what became of killing a group.
func (b *brain) interred(g grave) {
	var alive *cgroup.Alive
	switch {
	case g.tallies != nil:
		maps.Copy(b.tallies, g.tallies)
	case g.err == nil:
		delete(b.graves, g.process)
		b.leveled(g)
		if g.process == "" && b.proof {
			b.proof, b.cleared, b.relist = false, b.clearing, true
		}
		if !b.full {
			b.spawnForked()
		}
	case errors.As(g.err, &alive):
		b.log("%v", alive)
		b.nameUndead(alive)
	default:
		b.log("what was killed is not gone: %v", g.err)
	}
}

// nameUndead notes who does not die, unless that is known.
func (b *brain) nameUndead(alive *cgroup.Alive) {
	if undead := undeadOf(alive); !b.machine.Knows(undead) {
		b.facts = append(b.facts, machine.Unkillable{Processes: undead})
	}
}

func undeadOf(alive *cgroup.Alive) []machine.Undead {
	var undead []machine.Undead
	for _, p := range alive.Procs {
		undead = append(undead, machine.Undead{Pid: p.Pid, Command: p.Command, State: p.State, Channel: p.Wchan})
	}
	return undead
}

// noteEmpty notes that what ended runs of a process had left is gone, if the
// shim knows of nothing either.
func (b *brain) noteEmpty(process string) {
	for _, id := range b.machine.Strays() {
		if id.Process != process {
			continue
		}
		if s, found, err := b.status(id); err == nil && found && s.Left == 0 && !b.pending[id] {
			b.fact(id, machine.Emptied{RunID: id})
		} else {
			b.relist = true
		}
	}
}

// isEmpty says whether nothing lives in the group of a process, or with "" of
// the task. What cannot be asked is not known to be empty.
func (b *brain) isEmpty(process string) bool {
	if b.tree == nil {
		return true
	}
	groups := []cgroup.Group{b.tree.Task(), b.tree.Checks()}
	if process != "" {
		groups = []cgroup.Group{b.tree.Process(process)}
	}
	for _, g := range groups {
		populated, err := g.Populated()
		if err != nil {
			b.log("whether anything lives in %s is not known: %v", g, err)
		}
		if populated || err != nil {
			return false
		}
	}
	return true
}

// lingering is how many processes live in the group of a process of which a
// run has just ended, when the shim knows of none: they have escaped it.
func (b *brain) lingering(id task.RunID) int {
	if b.isEmpty(id.Process) {
		return 0
	}
	pids, err := b.tree.Process(id.Process).Procs()
	if err != nil {
		b.log("who lives in the group of %s is not known: %v", id.Process, err)
		return 1
	}
	return len(pids)
}

// level removes the leaves of what was killed, so that the next runs get new
// ones: kernels since 6.14 count the kills of a group, and kill whoever is cloned
// into one that was killed more often than the group of who clones (kill_seq in
// kernel/cgroup/cgroup.c). The kernel may take its time to let go of a leaf;
// nobody waits for that but the next run in it.
func level(until context.Context, tree *cgroup.Tree, leaves []string) error {
	inTime, cancel := context.WithTimeout(until, vacateWithin)
	defer cancel()
	var all []error
	for _, name := range leaves {
		all = append(all, tree.Process(name).Remove(inTime))
	}
	return errors.Join(all...)
}

// leveled notes which leaves are no more.
func (b *brain) leveled(g grave) {
	for _, name := range g.leaves {
		delete(b.limited, name)
		b.noteEmpty(name)
	}
}

// release lets those die who are paused, when no shim of theirs lives: on v1 a
// KILL waits for the thaw. Nobody goes on, for it comes first. The file is not
// asked whether they are: some may just be about to stand still.
func (b *brain) release() error {
	if b.tree == nil {
		return nil
	}
	b.standby = false
	return errors.Join(b.tree.Task().Signal(syscall.SIGKILL), b.tree.Task().Thaw())
}

// interAll kills whatever is left in the task's groups, when no shim lives. It
// returns when that is seen empty.
func (b *brain) interAll(ctx context.Context) error {
	if b.tree == nil {
		return nil
	}
	for _, g := range []cgroup.Group{b.tree.Task(), b.tree.Checks()} {
		if err := b.interNow(ctx, g); err != nil {
			return err
		}
		inTime, cancel := context.WithTimeout(ctx, vacateWithin)
		err := g.Remove(inTime) // see level
		cancel()
		if err != nil && (!errors.Is(err, syscall.EBUSY) || errors.As(err, new(*cgroup.Alive))) {
			return err
		}
		if err != nil { // nobody lives in it, and it is not worth the task
			b.log("a group that was killed stays: %v", err)
		}
	}
	return nil
}

// interNow kills a group and waits for it, naming meanwhile who does not die.
func (b *brain) interNow(ctx context.Context, g cgroup.Group) error {
	for {
		inTime, cancel := context.WithTimeout(ctx, patienceWithDead)
		err := g.Kill(inTime)
		cancel()
		var alive *cgroup.Alive
		if err == nil || !errors.As(err, &alive) || ctx.Err() != nil {
			return err
		}
		b.log("%v", err)
		if err := b.recordUndead(alive); err != nil {
			return err
		}
	}
}

// recordUndead records at once who does not die, for the loop does not turn
// meanwhile. Without a journal, or room in it, the log has to do.
func (b *brain) recordUndead(alive *cgroup.Alive) error {
	undead := undeadOf(alive)
	if b.journal == nil || b.machine.Phase() == "" || over(b.machine.Phase()) || b.machine.Knows(undead) {
		return nil
	}
	err := b.record(journal.Reserve, machine.Unkillable{Processes: undead})
	if errors.Is(err, journal.ErrFull) {
		return nil
	}
	return err
}
