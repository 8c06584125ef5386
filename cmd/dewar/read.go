package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

func (a *app) readCommand() *cobra.Command {
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "read TASK",
		Short: "Print a task's journal, one JSON record a line",
		Args:  between(1, 1, "TASK"),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := a.find(args[0])
			if err != nil {
				return err
			}
			if follow {
				return a.readOn(c.Context(), dir)
			}
			return a.readAll(dir)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "print records as they come, until the task has ended")
	jsonFlag(c, &asJSON) // it is JSON anyway
	return c
}

func (a *app) readAll(dir task.Dir) error {
	var wrong []error
	for record, err := range observer.Records(dir) {
		if errors.Is(err, fs.ErrNotExist) {
			a.note("there is no journal yet in %s", dir)
			continue
		}
		if err != nil {
			wrong = append(wrong, err)
		}
		if len(record.Payload) == 0 {
			continue
		}
		if err := a.print("%s\n", record.Payload); err != nil {
			return err
		}
	}
	return errors.Join(wrong...)
}

func (a *app) readOn(ctx context.Context, dir task.Dir) error {
	return observer.Follow(ctx, dir, func(c observer.Change) (bool, error) {
		for _, e := range c.Entries {
			if err := a.print("%s\n", machine.Encode(e.Seq, e.At, e.Record)); err != nil {
				return false, err
			}
		}
		return !c.View.Over(), nil
	})
}
