package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// patience is how long a verb waits for a brain to answer, one that it has to
// have started included.
const patience = 8 * time.Second

type killFlags struct {
	grace  span
	now    bool
	reason string
	noWait bool
	json   bool
}

func (a *app) killCommand() *cobra.Command {
	k := &killFlags{grace: span(control.DefaultGrace)}
	c := &cobra.Command{
		Use:   "kill TASK…",
		Short: "End tasks, with grace or at once, and wait until they have ended",
		Long: `Kill asks tasks to end: their processes get their stop signals, then their
finalizers run, and what lives after the grace is killed. It waits until the
tasks have ended. A task that had ended before is no error.

If no brain answers for a task the wish is written into its directory, where it
stands until it is fulfilled, and its shim is told.`,
		Args: atLeast(1, "TASK…"),
		RunE: func(c *cobra.Command, args []string) error {
			if k.now && c.Flags().Changed("grace") {
				return misuse(errors.New("--now and --grace contradict each other: --now is a grace of 0"))
			}
			dirs, err := a.findAll(args)
			if err != nil {
				return err
			}
			return a.killAll(c.Context(), k, dirs)
		},
	}
	c.Flags().Var(&k.grace, "grace", "what processes and finalizers get before they are killed, as 30s")
	c.Flags().BoolVar(&k.now, "now", false, "kill everything at once; finalizers are skipped")
	c.Flags().StringVar(&k.reason, "reason", "", "why, for the journal")
	c.Flags().BoolVar(&k.noWait, "no-wait", false, "do not wait until the tasks have ended")
	jsonFlag(c, &k.json)
	return c
}

// killed is what `dewar kill --json` prints of each task.
type killed struct {
	ID       string            `json:"id"`
	State    machine.TaskState `json:"state"`    // with --no-wait it may not be terminal yet
	Before   bool              `json:"before"`   // it had ended before
	Answered bool              `json:"answered"` // by a brain; else the wish was written down
}

// killAll asks all tasks first, side by side, and waits then; it tells of them
// in their order.
func (a *app) killAll(ctx context.Context, k *killFlags, dirs []task.Dir) error {
	out := make([]killed, len(dirs))
	errs := abreast(len(dirs), func(i int) (err error) {
		out[i], err = a.askKill(ctx, k, dirs[i])
		return err
	})
	for i, dir := range dirs {
		if errs[i] == nil && !out[i].Before && !k.noWait {
			var v *observer.View
			if v, errs[i] = a.awaitEnd(ctx, dir, a.killLost(ctx, dir)); errs[i] == nil {
				out[i].State = v.State.State
			}
		}
		if errs[i] == nil {
			errs[i] = a.tellKill(k, out[i])
		}
	}
	return errors.Join(errs...)
}

func (a *app) askKill(ctx context.Context, k *killFlags, dir task.Dir) (killed, error) {
	v, err := readTask(dir)
	if err != nil {
		return killed{}, err
	}
	out := killed{ID: v.ID, State: v.State.State}
	if v.Over() {
		out.Before = true
		return out, nil
	}
	w := launch.Wish{Grace: time.Duration(k.grace), By: a.by("dewar kill"), Reason: k.reason, At: time.Now()}
	if k.now {
		w.Grace = 0
	}
	out.Answered, err = launch.Kill(ctx, dir, w, a.patienceFor(v), a.waker(ctx, dir))
	if finished := (*errOver)(nil); errors.As(err, &finished) {
		out.Before, out.State = true, finished.state
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("kill task %s: %w", v.ID, refused(err))
	}
	if !out.Answered {
		a.note("task %s: no brain answers; the wish to end it is written down, and its shim ends it if no brain comes within 30s", v.ID)
	}
	return out, nil
}

// killLost is what to do when nobody keeps a task any more that is to end: wake
// it, unless its shim has done all it could without a brain.
func (a *app) killLost(ctx context.Context, dir task.Dir) func() error {
	wake := a.waker(ctx, dir)
	return func() error {
		v, err := readTask(dir)
		if err != nil {
			return err
		}
		if v.Orphaned() && v.Failing != nil && v.Wish != nil {
			return fmt.Errorf("everything of task %s was ended by its shim, but that is not written down: %s; kill it again when brains work", v.ID, v.Failing)
		}
		return wake()
	}
}

// patienceFor is short where a brain is known not to come soon.
func (a *app) patienceFor(v *observer.View) time.Duration {
	if v.Failing != nil && time.Until(v.Failing.Next) > patience {
		return time.Second
	}
	return patience
}

func (a *app) tellKill(k *killFlags, out killed) error {
	switch {
	case k.json:
		return a.json(out)
	case out.Before:
		return a.print("task %s had ended before: %s\n", out.ID, out.State)
	case k.noWait:
		return a.print("task %s was asked to end\n", out.ID)
	}
	return a.print("task %s %s\n", out.ID, out.State)
}
