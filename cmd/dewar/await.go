package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/task"
)

const (
	parting = 3 * time.Second // how long a finished task's shim and brain are waited for
	wakings = 5               // how often a task is woken whose shim does not stay
)

// errEnough, from lost, says that the keepers need not be watched any more.
var errEnough = errors.New("the keepers need not be watched any more")

// await calls each with every change of a task, from one goroutine, until the
// task is over or each fails; and lost whenever nobody has kept the task for
// a second. beside runs beside it until its context ends. What it starts has
// returned when it returns.
func await(ctx context.Context, dir task.Dir, lost func() error, each func(observer.Change) error, beside ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	over := errors.New("the task is over")
	g.Go(func() error {
		err := observer.Follow(ctx, dir, func(c observer.Change) (bool, error) {
			return !c.View.Over(), each(c)
		})
		if err == nil {
			err = over
		}
		return err
	})
	g.Go(func() error { return watchKeepers(ctx, dir, lost) })
	for _, run := range beside {
		g.Go(func() error { return run(ctx) })
	}
	if err := g.Wait(); !errors.Is(err, over) {
		return err
	}
	return nil
}

func watchKeepers(ctx context.Context, dir task.Dir, lost func() error) error {
	for tries := 0; tries < wakings; {
		keeper, err := launch.AwaitKeeper(ctx, dir)
		if err == nil && keeper != 0 {
			tries = 0
			err = launch.AwaitEnd(ctx, keeper)
		} else if err == nil {
			tries++
			err = lost()
		}
		if finished := (*errOver)(nil); errors.As(err, &finished) || errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return doesNotStay(dir)
}

// doesNotStay says what is known of a shim that was started and keeps nothing.
func doesNotStay(dir task.Dir) error {
	err := fmt.Errorf("the shim of task %s does not stay", filepath.Base(string(dir)))
	const most = 4096
	if text, readErr := os.ReadFile(dir.Console()); readErr == nil {
		if last := show.LastLine(string(text[max(0, len(text)-most):])); last != "" {
			return fmt.Errorf("%w; the last line of %s: %s", err, dir.Console(), last)
		}
	}
	return err
}

// awaitKeepers waits until nobody keeps a finished task any more, and removes
// then what the keepers had to leave of its kernel groups.
func (a *app) awaitKeepers(ctx context.Context, dir task.Dir) error {
	ctx, cancel := context.WithTimeout(ctx, parting)
	defer cancel()
	for {
		k, err := launch.WhoKeeps(dir)
		if err != nil {
			return err
		}
		if k.Shim == 0 && k.Brain == 0 {
			a.vacate(ctx, dir)
			return nil
		}
		pid := k.Brain
		if pid == 0 {
			pid = k.Shim
		}
		err = launch.AwaitEnd(ctx, pid)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil // it is terminal all the same
		}
		if err != nil {
			return err
		}
	}
}

// vacate removes what is left of a finished task's kernel groups. Where that is
// not to be had, gc tries again.
func (a *app) vacate(ctx context.Context, dir task.Dir) {
	if err := launch.Vacate(ctx, dir, stillOver); err != nil {
		a.detail("%v", err)
	}
}
