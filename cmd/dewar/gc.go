package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

type gcFlags struct {
	age   span
	count int
	size  quantity
	dry   bool
	json  bool
}

// collected is what `dewar gc --json` prints of each task that goes.
type collected struct {
	launch.Choice
	Removed bool `json:"removed"` // false with --dry-run
}

func (a *app) gcCommand() *cobra.Command {
	f := &gcFlags{age: span(14 * 24 * time.Hour)}
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove old finished tasks",
		Long: `Gc removes the directories of finished tasks that are too old, too many or too
large together; the newest stay. What a dewar that was killed has left half made
goes too. A task that has not ended, that somebody keeps, or that cannot be
understood stays.`,
		Args: between(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.count < 0 {
				return misuse(fmt.Errorf("--count %d is less than nothing", f.count))
			}
			return a.gc(c.Context(), f)
		},
	}
	c.Flags().Var(&f.age, "age", "those go that ended longer ago, as 36h or 14d; 0: at any age they stay")
	c.Flags().IntVar(&f.count, "count", 0, "so many finished tasks stay at most; 0: any number")
	c.Flags().Var(&f.size, "size", "finished tasks take so much disk at most, as 10GB; 0: any amount")
	c.Flags().BoolVarP(&f.dry, "dry-run", "n", false, "only say what would go")
	jsonFlag(c, &f.json)
	return c
}

func (a *app) gc(ctx context.Context, f *gcFlags) error {
	root, err := a.tasksRoot()
	if err != nil {
		return err
	}
	finished, err := a.finished(ctx, f.dry)
	if err != nil {
		return err
	}
	now := time.Now()
	var errs []error
	for _, c := range launch.Choose(finished, launch.Limits{Age: time.Duration(f.age), Count: f.count, Size: int64(f.size)}, now) {
		if !f.dry {
			err := launch.Remove(root, c.ID, stillOver)
			if held := (*shim.HeldError)(nil); errors.As(err, &held) {
				a.detail("task %s stays: it is kept by process %d", c.ID, held.Pid)
				continue
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
		}
		errs = append(errs, a.tellCollected(f, c, now))
	}
	return errors.Join(append(errs, a.gcHalfMade(root, f, now))...)
}

// finished are the tasks that may go. What is left of their kernel groups goes in
// any case, but with dry.
func (a *app) finished(ctx context.Context, dry bool) ([]launch.Old, error) {
	views, err := a.list()
	if err != nil {
		return nil, err
	}
	var all []launch.Old
	for _, v := range views {
		if !v.Over() || v.Shim != 0 || v.Brain != 0 {
			continue
		}
		if !dry {
			a.vacate(ctx, v.Dir)
		}
		size, err := launch.DiskSize(v.Dir)
		if err != nil {
			a.detail("%v", err) // it went meanwhile
			continue
		}
		all = append(all, launch.Old{ID: v.ID, Ended: time.Unix(0, v.State.Since.Wall), Size: size})
	}
	return all, nil
}

// stillOver is asked under the task's locks.
func stillOver(dir task.Dir) error {
	v, err := observer.ReadHeld(dir)
	if err == nil && !v.Over() {
		err = errors.New("it has not ended")
	}
	return err
}

func (a *app) tellCollected(f *gcFlags, c launch.Choice, now time.Time) error {
	if f.json {
		return a.json(collected{c, !f.dry})
	}
	return a.print("%s %s (%s, ended %s ago): %s\n", f.done(), c.ID, show.Size(c.Size), show.Span(now.Sub(c.Ended)), c.Reason)
}

// done is what is said of a directory that goes.
func (f *gcFlags) done() string {
	if f.dry {
		return "would remove"
	}
	return "removed"
}

func (a *app) gcHalfMade(root string, f *gcFlags, now time.Time) error {
	names, err := launch.HalfMade(root, now)
	errs := []error{err}
	for _, name := range names {
		if !f.dry {
			if err := launch.RemoveHalfMade(root, name); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		c := launch.Choice{Old: launch.Old{ID: name}, Reason: "it was made, or removed, by half"}
		if f.json {
			errs = append(errs, a.json(collected{c, !f.dry}))
			continue
		}
		errs = append(errs, a.print("%s %s: %s\n", f.done(), name, c.Reason))
	}
	return errors.Join(errs...)
}
