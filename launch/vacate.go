package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Vacate removes what is left of a finished task's kernel groups when its brain
// and its shim have gone: the group in which they stood, where the kernel let
// them not leave it while they lived. It kills nothing. As Remove, it takes both
// locks and asks still under them whether the task is over; an error of still is
// returned, and nothing is removed. While a shim or a brain lives it does
// nothing, and nor does it where nothing is left. Of another user's task it
// believes nothing, not even where its groups are: the error is a *ForeignError.
func Vacate(ctx context.Context, dir task.Dir, still func(task.Dir) error) error {
	tree, err := remains(dir)
	if err != nil || tree == nil {
		return err
	}
	release, err := lockBoth(dir)
	if held := (*shim.HeldError)(nil); errors.As(err, &held) {
		return nil
	}
	if err == nil {
		err = still(dir)
		inTime, cancel := context.WithTimeout(ctx, vacateWithin)
		defer cancel()
		if err == nil {
			err = raze(inTime, tree)
		}
		err = errors.Join(err, release())
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("remove the kernel groups of %s: %w", dir, err)
	}
	return nil
}

// raze removes the groups beside ctl/ first, as Tree.StepHome wants it.
func raze(ctx context.Context, tree *cgroup.Tree) error {
	if err := errors.Join(tree.Task().Remove(ctx), tree.Checks().Remove(ctx)); err != nil {
		return err
	}
	return errors.Join(stepOut(tree), tree.Remove(ctx))
}

// stepOut leaves ctl/ if we stand there, who have started the task and stepped
// aside with its shim. Where the kernel does not let us, below a group that hands
// controllers down to others, too, the removal says who is left: we.
func stepOut(tree *cgroup.Tree) error {
	standing, err := tree.Ctl().Procs()
	if err != nil || !slices.Contains(standing, os.Getpid()) {
		return err
	}
	if err = tree.StepHome(os.Getpid()); errors.Is(err, syscall.EBUSY) {
		return nil
	}
	return err
}

// remains are the groups of a task if there are any; nil if not.
func remains(dir task.Dir) (*cgroup.Tree, error) {
	if err := MayKeep(dir); err != nil {
		return nil, err
	}
	g, found, err := sandbox.ReadGroups(dir)
	if err != nil || !found || !g.Used() {
		return nil, err
	}
	boot, err := shim.BootID()
	if err != nil || g.Place.Boot != boot {
		return nil, err
	}
	if tree := cgroup.Open(g.Place); tree.Exists() {
		return tree, nil
	}
	return nil, nil
}

// vacateWithin is how long the kernel may take to let go of a group.
const vacateWithin = time.Second
