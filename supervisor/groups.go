package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// groups are the kernel groups that a task is contained in. Without them, tree
// is nil: then the shim's word is all there is.
type groups struct {
	tree    *cgroup.Tree
	shimPid int
	held    bool            // the task's group is there, if it is to have one, and has its limits
	limited map[string]bool // processes whose leaf this brain has made and limited
	fresh   map[string]bool // of these, in whose leaf nothing was ever counted
	standby bool            // the freezer is as the machine wants it
	frozen  bool            // what it is

	graves  map[string]bool // groups that are being killed: a process' name, "" the task's
	emptied chan grave
	proof   bool // the shim says that nothing lives, and the task's group does not yet
	digging sync.WaitGroup
	until   context.Context // ends with the brain
	leave   context.CancelFunc

	memory  *cgroup.Watcher             // nil where there is nothing to hear of
	rung    map[cgroup.Group]bool       // groups whose bell has rung, to be looked at again
	second  *time.Timer                 // runs only while there are such
	starved map[task.RunID]*machine.OOM // they were killed with a victim, and their end is not noted
	tallies map[string]tally            // of leaves that are no more
}

// openGroups reads where the groups are, if that is known already. Those of an
// earlier boot are gone, and those of a scope that systemd has removed.
func (b *brain) openGroups() error {
	b.fresh, b.tallies, b.rung = make(map[string]bool), make(map[string]tally), make(map[cgroup.Group]bool)
	b.second = time.NewTimer(time.Hour)
	b.second.Stop()
	b.limited, b.graves, b.emptied = make(map[string]bool), make(map[string]bool), make(chan grave)
	b.until, b.leave = context.WithCancel(context.Background())
	g, found, err := sandbox.ReadGroups(b.Dir)
	if err != nil {
		return err
	}
	if found && g.Used() && g.Place.Boot == b.boot {
		if tree := cgroup.Open(g.Place); !tree.Uprooted() {
			b.tree = tree
		}
	}
	return nil
}

// contain sees to it that the groups are there, that shim and brain stand where
// the task's limits do not reach them, and that the limits hold. What cannot be
// had ends a task that has not begun; of one that has, what runs goes on, and
// nothing is started until it can be had: see enter.
func (b *brain) contain(ctx context.Context) error {
	fresh := !b.begun() // one that has begun and lost its scope waits for better days
	b.held = false
	if err := b.hold(); err != nil {
		return b.deny(fresh, err)
	}
	if b.tree == nil {
		return nil
	}
	if err := b.watchMemory(); err != nil {
		b.log("who runs out of memory is told by its end only: %v", err)
	}
	for _, id := range b.machine.Live() {
		if err := b.limitProcess(id.Process); err != nil {
			b.log("the limits of %s may not hold: %v", id.Process, err)
		}
	}
	b.hearMemory(func(string) bool { return true }) // of what happened while no brain lived
	b.standby = false
	if err := b.settleFreezer(ctx); err != nil {
		b.log("%v", err)
	}
	return nil
}

// hold sees to it that the task's group is there, and limited.
func (b *brain) hold() error {
	if b.held {
		return nil
	}
	if err := b.place(); err != nil {
		return err
	}
	if b.tree != nil {
		if err := b.tree.Make(b.ours(b.shimPid)...); err != nil {
			return err
		}
		if err := b.limitTask(); err != nil {
			return err
		}
	}
	b.held = true
	return nil
}

// begun says whether anything of the task was ever to be started.
func (b *brain) begun() bool {
	for _, p := range b.launch.Task.Processes {
		if state, ok := b.machine.Process(p.Name); ok && state.Runs > 0 {
			return true
		}
	}
	return false
}

// closeGroups waits for all who dig and watch.
func (b *brain) closeGroups() error {
	b.leave()
	b.closeDisk()
	b.second.Stop()
	b.digging.Wait()
	b.inquiries.running.Wait()
	if b.memory == nil {
		return nil
	}
	return b.memory.Wait()
}

// vacate removes the groups of a task that is over. Shim and brain, the last
// ones inside, step back to where they came from. Where the kernel does not let
// them (v2, below a group that hands controllers down also for others), and where
// `dewar run` stands there, too, ctl/ stays until somebody calls launch.Vacate,
// as `dewar run` does.
func (b *brain) vacate(ctx context.Context) {
	if b.tree == nil {
		return
	}
	inTime, cancel := context.WithTimeout(ctx, vacateWithin)
	defer cancel()
	err := errors.Join(b.tree.Task().Remove(inTime), b.tree.Checks().Remove(inTime))
	if err == nil && b.tree.Place().Mode == cgroup.V2 {
		err = b.tree.StepHome(b.shimPid, os.Getpid())
		if errors.Is(err, syscall.EBUSY) {
			return
		}
	}
	if err == nil {
		err = b.tree.Remove(inTime)
	}
	if err != nil {
		b.log("the task's groups stay: %v", err)
	}
}

// vacateWithin is how long the kernel may take to let go of a group whose last
// process has exited.
const vacateWithin = 2 * time.Second

// ours are the processes that step aside: on v2, where a group that hands
// controllers down may have none. Elsewhere they are well where they are, and
// the kernel takes some 10 ms for each that is moved (v1). `dewar run`, which has
// started the shim and follows, is one of them where it said that it stands
// there; whoever else does is a stranger, and is not moved: see Tree.Make.
func (b *brain) ours(shimPid int) []int {
	if b.tree.Place().Mode != cgroup.V2 {
		return nil
	}
	pids := []int{shimPid, os.Getpid()}
	if b.launch.Groups != task.AllGroups {
		return pids
	}
	beside, err := b.tree.Beside()
	if err != nil {
		b.log("who else stands in our group is not known: %v", err)
	}
	if s, err := shim.ReadStat(shimPid); err == nil && slices.Contains(beside, s.Ppid) {
		pids = append(pids, s.Ppid)
	}
	return pids
}

// deny fails a task that has not begun.
func (b *brain) deny(fresh bool, why error) error {
	if !fresh || len(b.machine.Live()) > 0 {
		b.log("the task's groups are not as they should be: %v", why)
		return nil
	}
	b.facts = append(b.facts, machine.Denied{Reason: why.Error()})
	return nil
}

// place decides where the groups will be, and writes that down.
func (b *brain) place() error {
	if b.tree != nil {
		return nil
	}
	g := sandbox.Groups{Why: b.launch.GroupsWhy}
	if b.launch.Groups != task.NoGroups {
		host, err := cgroup.Look()
		if err != nil {
			return err
		}
		g.Place, err = host.Place(string(b.Dir))
		switch {
		case errors.Is(err, cgroup.ErrNone) && b.launch.Groups == task.AutoGroups:
			g.Why = host.Why
		case err != nil:
			return err
		}
	}
	if err := g.Write(b.Dir); err != nil {
		return err
	}
	if g.Used() {
		b.tree = cgroup.Open(g.Place)
	}
	return nil
}

// limitTask applies the task's limits, and notes which of ours this kernel does
// not have.
func (b *brain) limitTask() error {
	lacking, err := b.tree.Task().Limit(b.taskLimits(b.machine.Limits(""), b.machine.Asked("")))
	if err != nil || len(lacking) == 0 {
		return err
	}
	g := sandbox.Groups{Place: b.tree.Place(), Unapplied: lacking}
	return g.Write(b.Dir)
}

func (b *brain) taskLimits(limits, asked task.Resources) cgroup.Limits {
	l := sandbox.Limits(limits, asked, b.Dir)
	if b.launch.Task.OOM == task.OOMGroup || b.launch.Task.OOM == task.OOMTask {
		l.OOMGroup = true
		l.Defaults[cgroup.OOMGroup] = true // where the kernel does not do it, we do
	}
	return l
}

// limitProcess makes the leaf of a process, with its own limits.
func (b *brain) limitProcess(name string) error {
	if b.limited[name] {
		return nil
	}
	leaf := b.tree.Process(name)
	fresh := !leaf.Exists()
	if err := leaf.Make(); err != nil {
		return err
	}
	limits := b.machine.Limits(name)
	if !fresh || limits != (task.Resources{}) {
		if err := b.limit(name, limits, b.machine.Asked(name)); err != nil {
			return err
		}
	}
	b.fresh[name] = fresh
	if err := b.watchLeaf(name); err != nil {
		return err
	}
	b.limited[name] = true
	delete(b.tallies, name)
	return nil
}

// enter says in the spec of a run which groups it is born into.
func (b *brain) enter(spec *shim.Spec, id task.RunID) error {
	if err := b.hold(); err != nil {
		return err
	}
	if b.tree == nil {
		return nil
	}
	if err := b.renew(id); err != nil {
		return err
	}
	if err := b.limitProcess(id.Process); err != nil {
		return err
	}
	leaf := b.tree.Process(id.Process)
	spec.Group, spec.Joins = leaf.Entry()
	spec.Counts = b.countBefore(id.Process)
	return nil
}

// settleFreezer makes the freezer what the machine wants.
func (b *brain) settleFreezer(ctx context.Context) error {
	if b.tree == nil || b.standby && b.frozen == b.machine.Paused() {
		return nil
	}
	if b.machine.Paused() {
		inTime, cancel := context.WithTimeout(ctx, freezeWithin)
		defer cancel()
		if err := b.tree.Task().Freeze(inTime); err != nil {
			return fmt.Errorf("pause the task: %w", err)
		}
	} else if err := b.tree.Task().Thaw(); err != nil {
		return fmt.Errorf("let the task go on: %w", err)
	}
	b.standby, b.frozen = true, b.machine.Paused()
	return nil
}

// freezeWithin is how long a pause waits for all to stand still.
const freezeWithin = 2 * time.Second
