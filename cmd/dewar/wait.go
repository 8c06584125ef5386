package main

import (
	"context"
	"errors"
	"sync"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// waited is what `dewar wait --json` prints of each task.
type waited struct {
	ID     string            `json:"id"`
	State  machine.TaskState `json:"state"`
	Reason string            `json:"reason,omitempty"`
}

func (a *app) waitCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "wait TASK…",
		Short: "Wait until tasks have ended",
		Long: `Wait waits until all tasks have ended, and says how. Its exit status is that
of the first, in the order given, that is not SUCCESS: 1 FAILED, 3 KILLED, 4
LOST; 0 if all are. It only waits: a task that nobody keeps is said once, and
waited for until somebody goes on with it.`,
		Args: atLeast(1, "TASK…"),
		RunE: func(c *cobra.Command, args []string) error {
			dirs, err := a.findAll(args)
			if err != nil {
				return err
			}
			return a.waitAll(c.Context(), dirs, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) waitAll(ctx context.Context, dirs []task.Dir, asJSON bool) error {
	views, errs := make([]*observer.View, len(dirs)), make([]error, len(dirs))
	var all sync.WaitGroup
	for i, dir := range dirs {
		all.Go(func() {
			views[i], errs[i] = a.awaitEnd(ctx, dir, a.orphaned(dir))
		})
	}
	all.Wait()
	code := exitSuccess
	for i, v := range views {
		if errs[i] != nil {
			continue
		}
		if code == exitSuccess {
			code = resultCode(v.State.State)
		}
		errs[i] = a.tellWaited(waited{v.ID, v.State.State, v.State.Reason}, asJSON)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return silent(code)
}

func (a *app) tellWaited(w waited, asJSON bool) error {
	if asJSON {
		return a.json(w)
	}
	if w.Reason != "" {
		return a.print("task %s %s: %s\n", w.ID, w.State, show.Printable(w.Reason))
	}
	return a.print("task %s %s\n", w.ID, w.State)
}

// awaitEnd waits until a task has ended and its keepers are gone, and says what
// is wrong with them meanwhile. lost is as in await.
func (a *app) awaitEnd(ctx context.Context, dir task.Dir, lost func() error) (*observer.View, error) {
	var last *observer.View
	trouble := a.troubles()
	err := await(ctx, dir, lost, func(c observer.Change) error {
		last = c.View
		trouble(c.View)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return last, a.awaitKeepers(ctx, dir)
}

// orphaned says that nobody keeps a task that is waited for.
func (a *app) orphaned(dir task.Dir) func() error {
	return func() error {
		v, err := readTask(dir)
		if err == nil && v.Orphaned() {
			a.note("task %s: neither its shim nor its brain lives; dewar resume %s goes on with it", v.ID, v.ID)
			err = errEnough
		}
		return err
	}
}
