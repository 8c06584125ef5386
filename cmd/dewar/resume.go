package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
)

// resumed is what `dewar resume --json` prints of each task.
type resumed struct {
	ID      string `json:"id"`
	Started bool   `json:"started"` // false: it was kept already

	shim, brain int // who kept it
}

func (a *app) resumeCommand() *cobra.Command {
	var all, asJSON bool
	c := &cobra.Command{
		Use:   "resume [TASK…] [--all]",
		Short: "Go on with tasks that nobody keeps, as after a reboot",
		Long: `Resume starts a shim for tasks that have not ended and whose shim and brain are
both dead: killed, or gone with a reboot. Their runs are then LOST, which counts
as no failure, and the tasks go on. It waits until their brains answer. With
--all the tasks of other users are left alone, and said.`,
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return misuse(errors.New("resume wants either TASK… or --all"))
			}
			dirs, err := a.toResume(args, all)
			if err != nil {
				return err
			}
			return a.resumeAll(c.Context(), dirs, asJSON)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all tasks that have not ended")
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) toResume(args []string, all bool) ([]task.Dir, error) {
	if !all {
		return a.findAll(args)
	}
	views, err := a.list()
	if err != nil {
		return nil, err
	}
	var dirs []task.Dir
	for _, v := range views {
		if !v.Orphaned() {
			continue
		}
		if foreign := (*launch.ForeignError)(nil); errors.As(launch.MayKeep(v.Dir), &foreign) {
			a.note("left alone: %v", foreign)
			continue
		}
		dirs = append(dirs, v.Dir)
	}
	return dirs, nil
}

// resumeAll resumes tasks side by side, and tells of them in their order.
func (a *app) resumeAll(ctx context.Context, dirs []task.Dir, asJSON bool) error {
	out := make([]resumed, len(dirs))
	errs := abreast(len(dirs), func(i int) (err error) {
		out[i], err = a.resume(ctx, dirs[i])
		return err
	})
	for i := range dirs {
		if errs[i] == nil {
			errs[i] = a.tellResumed(out[i], asJSON)
		}
	}
	return errors.Join(errs...)
}

func (a *app) resume(ctx context.Context, dir task.Dir) (resumed, error) {
	v, err := readTask(dir)
	if err != nil {
		return resumed{}, err
	}
	r := resumed{ID: v.ID, shim: v.Shim, brain: v.Brain}
	if err := over(v); err != nil {
		return r, held(err)
	}
	if v.Shim != 0 || v.Brain != 0 {
		return r, nil
	}
	if r.Started, err = a.wake(ctx, dir); err != nil {
		return r, err
	}
	if err := a.awaitBrain(ctx, dir); err != nil {
		return r, fmt.Errorf("resume task %s: %w", v.ID, err)
	}
	return r, nil
}

func (a *app) tellResumed(r resumed, asJSON bool) error {
	switch {
	case asJSON:
		return a.json(r)
	case r.Started:
		return a.print("task %s goes on\n", r.ID)
	}
	return a.print("task %s is kept already: shim %d, brain %d\n", r.ID, r.shim, r.brain)
}

// awaitBrain waits until a brain answers, or the task has ended.
func (a *app) awaitBrain(ctx context.Context, dir task.Dir) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := launch.Ask(ctx, dir, control.PathStatus, nil, a.waker(ctx, dir))
	if finished := (*errOver)(nil); errors.As(err, &finished) {
		return nil
	}
	return err
}

// list reads every task under the root.
func (a *app) list() ([]*observer.View, error) {
	root, err := a.tasksRoot()
	if err != nil {
		return nil, err
	}
	return observer.List(root)
}
