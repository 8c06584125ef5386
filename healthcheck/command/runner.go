package command

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// Runner runs the commands of one task. Its methods may be called from anywhere;
// no goroutine of it lives while no command does.
type Runner struct {
	dir       task.Dir
	tree      *cgroup.Tree
	container string
	limits    cgroup.Limits

	open  context.Context // done: nothing more is run
	close context.CancelFunc
	last  context.Context // done: who does not die is not waited for any more
	leave context.CancelFunc
	owned sync.WaitGroup // whoever runs a command, and buries it

	naming sync.Mutex
	names  map[string]chan struct{} // closed when the last one of a name is gone
}

// Open kills and removes what is left in checks/, by an earlier brain most
// likely, and gets ready. A nil tree is a task without groups. container is where
// dewar-container is; it is used for places with walls only. An error means that
// something there does not die by the end of ctx, or that no group can be made.
func Open(ctx context.Context, dir task.Dir, tree *cgroup.Tree, container string) (*Runner, error) {
	if err := Clear(ctx, dir, tree); err != nil {
		return nil, err
	}
	r := &Runner{dir: dir, tree: tree, container: container, names: make(map[string]chan struct{})}
	if tree != nil {
		r.limits = limitsOf(dir)
		if err := tree.Checks().Make(); err != nil {
			return nil, fmt.Errorf("make the group of commands: %w", err)
		}
	}
	r.open, r.close = context.WithCancel(context.Background())
	r.last, r.leave = context.WithCancel(context.Background())
	return r, nil
}

// Clear kills what commands have left behind, and removes their groups.
func Clear(ctx context.Context, dir task.Dir, tree *cgroup.Tree) error {
	if tree == nil {
		return client.BuryCommand(ctx, dir, mark, 0, 0)
	}
	if err := tree.Checks().Kill(ctx); err != nil {
		return err
	}
	return tree.Checks().Remove(ctx)
}

// Run runs a command until it ends, its deadline, or Close, and comes back at
// most 50 ms later. What it has left behind has been killed then, and seen dead if
// the kernel was quick.
func (r *Runner) Run(c Command, deadline time.Time) Result {
	cell := r.newCell(&c)
	defer cell.close()
	return cell.run(deadline)
}

// Close kills every command that runs, and waits until they are gone, or, of one
// that does not die, a second.
func (r *Runner) Close() error {
	r.close()
	timer := time.AfterFunc(time.Second, r.leave)
	defer timer.Stop()
	r.owned.Wait()
	r.leave()
	return nil
}
