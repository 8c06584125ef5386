package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/observer"
)

type statusFlags struct {
	only string
	json bool
}

func (a *app) statusCommand() *cobra.Command {
	f := &statusFlags{}
	c := &cobra.Command{
		Use:   "status [TASK…]",
		Short: "Say how tasks are",
		Long: `Status lists all tasks, or shows those that are named with their processes. It
says what is wrong with Dewar itself (a brain that keeps failing, a damaged
journal, a task that nobody keeps) and what to type then.

With --json it prints one object a line; the list leaves processes out.`,
		RunE: func(c *cobra.Command, args []string) error {
			if f.only != "" && f.only != "active" && f.only != "finished" {
				return misuse(fmt.Errorf("--only %q: write active or finished", f.only))
			}
			if len(args) == 0 {
				return a.statusAll(f)
			}
			return a.statusOf(f, args)
		},
	}
	c.Flags().StringVar(&f.only, "only", "", "of all tasks, only those that are active, or finished")
	jsonFlag(c, &f.json)
	return c
}

func (a *app) statusAll(f *statusFlags) error {
	views, err := a.list()
	if err != nil {
		return err
	}
	now := time.Now()
	var all []show.Status
	for _, v := range views {
		if f.only == "" || (f.only == "finished") == v.Over() {
			all = append(all, show.Of(v, now))
		}
	}
	if f.json {
		for _, s := range all {
			s.Processes = nil
			if err := a.json(s); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		root, err := a.tasksRoot()
		if err == nil {
			a.note("there are no such tasks under %s", root)
		}
		return err
	}
	return a.print("%s", show.List(all, now))
}

func (a *app) statusOf(f *statusFlags, args []string) error {
	dirs, err := a.findAll(args)
	if err != nil {
		return err
	}
	var errs []error
	for i, dir := range dirs {
		v, err := readDir(dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		now := observer.Now()
		s := show.Of(v, time.Unix(0, now.Wall))
		switch {
		case f.json:
			err = a.json(s)
		case i > 0:
			err = a.print("\n%s", s.Text(now))
		default:
			err = a.print("%s", s.Text(now))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
