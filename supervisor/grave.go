package supervisor

import (
	"context"
	"errors"
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
	process string // "": the whole task
	err     error  // nil: it has been seen empty
}

// inter kills everything in the leaf of a process, or with "" in the task, in
// a goroutine of its own, which tells b.emptied: once when all are dead, and
// before that whenever somebody does not die. The one who closes the brain
// waits for it.
func (b *brain) inter(process string) {
	if b.graves[process] {
		return
	}
	b.graves[process] = true
	b.digging.Add(1)
	go func() {
		defer b.digging.Done()
		b.dig(process)
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

func (b *brain) dig(process string) {
	group := b.tree.Task()
	if process != "" {
		group = b.tree.Process(process)
	}
	tell := func(err error) {
		select {
		case b.emptied <- grave{process, err}:
		case <-b.until.Done():
		}
	}
	for b.until.Err() == nil {
		inTime, cancel := context.WithTimeout(b.until, patienceWithDead)
		err := group.Kill(inTime)
		cancel()
		if b.until.Err() == nil {
			tell(err)
		}
		if err == nil {
			return
		}
		if !errors.As(err, new(*cgroup.Alive)) { // it could not be asked
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
	case g.err == nil:
		delete(b.graves, g.process)
		b.level(g.process)
		if g.process == "" {
			if b.proof {
				b.proof, b.cleared, b.relist = false, b.clearing, true
			}
			return
		}
		b.noteEmpty(g.process)
		if !b.full {
			b.spawnForked()
		}
	case errors.As(g.err, &alive):
		b.log("%v", alive)
		b.nameUndead(alive)
	default:
		b.log("kill what is left: %v", g.err)
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

// level removes a group that was killed, so that the next run gets a new one:
// kernels since 6.14 count the kills of a group, and kill whoever is cloned into
// one that was killed more often than the group of who clones (kill_seq in
// kernel/cgroup/cgroup.c).
func (b *brain) level(process string) {
	group := b.tree.Task()
	if process != "" {
		group = b.tree.Process(process)
	} else if b.clearing {
		return // it is over
	}
	if b.memory != nil && process != "" {
		if err := b.memory.Forget(group); err != nil {
			b.log("%v", err)
		}
	}
	inTime, cancel := context.WithTimeout(b.until, vacateWithin)
	defer cancel()
	err := group.Remove(inTime)
	if err != nil {
		b.log("a group that was killed stays: %v", err)
	}
	if process != "" {
		delete(b.limited, process)
		return
	}
	clear(b.limited)
	b.held = false
	if err := b.hold(); err != nil {
		b.log("the task's groups are not as they should be: %v", err)
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
		if err := g.Remove(ctx); err != nil { // see level
			return err
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
