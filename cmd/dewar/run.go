package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/task/file"
)

func (a *app) runCommand() *cobra.Command {
	o := &orderFlags{}
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a task from a file, and follow it to its end",
		Long: `Run starts the task that FILE describes and follows it. On a terminal it draws
a live tree; elsewhere it writes a line for each event to stderr, and what
processes with destination console say to stdout. With --json it writes the
journal's records to stdout, one a line, and nothing else.

INT (^C), TERM and HUP ask the task to end, with a grace of a minute; a second
one ends it at once.

With the --task-id of an active task it follows that one, and starts its shim
if nobody keeps it. FILE must then be what the task was launched from. With the
id of a finished task it says the result and exits 5.

Exit status: 0 SUCCESS, 1 FAILED, 3 KILLED, 4 LOST, 5 finished before.`,
		Args: between(1, 1, "a FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := parseFile(args[0])
			if err != nil {
				return err
			}
			order, err := o.order()
			if err != nil {
				return err
			}
			order.File, order.Task = f, o.task
			return a.run(c.Context(), o, order)
		},
	}
	o.add(c, "which of several tasks in the file", "")
	return c
}

func (a *app) simplerunCommand() *cobra.Command {
	o := &orderFlags{}
	c := &cobra.Command{
		Use:   "simplerun [flags] -- CMD…",
		Short: "Run one command as a task",
		Long: `Simplerun runs a task of one process, as run does. A CMD of one word is a line
for bash; one of several words is executed as it is. Templates are expanded.
What the command says is shown, and kept in the task's logs.`,
		Args: atLeast(1, "a command"),
		RunE: func(c *cobra.Command, args []string) error {
			order, err := o.order()
			if err != nil {
				return err
			}
			if err := task.CheckName(o.task); err != nil {
				return misuse(fmt.Errorf("--task: %w", err))
			}
			order.Single = launch.Single(o.task, args)
			return a.run(c.Context(), o, order)
		},
	}
	c.Flags().SetInterspersed(false) // what follows CMD belongs to it
	o.add(c, "name of the task and of its process", "simple")
	return c
}

// run makes the task and starts it, or takes up the one that has its id.
func (a *app) run(ctx context.Context, o *orderFlags, order launch.Order) error {
	root, err := a.tasksRoot()
	if err != nil {
		return err
	}
	dir, there, err := taskThere(root, order.ID)
	if err != nil {
		return err
	}
	if there {
		return a.again(ctx, o, order, dir)
	}
	programs, err := a.programs()
	if err != nil {
		return err
	}
	if err := launch.EnterScope(ctx, order.Isolation); err != nil {
		a.detail("%v", err)
	}
	l, warnings, err := launch.Prepare(order, time.Now())
	if system := (*launch.SystemError)(nil); err != nil && !errors.As(err, &system) {
		err = misuse(err)
	}
	if err != nil {
		return err
	}
	a.warn(warnings)
	if err := mayWall(l.Task, programs); err != nil {
		return err
	}
	outliveReaders()
	if l.Groups == task.NoGroups && order.Isolation != launch.IsolationNone {
		a.note("no control groups here, so limits are not enforced: %s", l.GroupsWhy)
	}
	dir, err = launch.Make(root, l)
	if errors.Is(err, launch.ErrExists) { // another was faster
		return a.again(ctx, o, order, task.Dir(filepath.Join(root, l.ID)))
	}
	if err != nil {
		return err
	}
	if err := launch.Start(dir, programs); err != nil {
		return errors.Join(err, os.RemoveAll(string(dir)))
	}
	a.detail("%s keeps %s", programs.Shim, dir)
	return a.begun(ctx, o, order, l, dir)
}

// taskThere says whether a task of that id, if one was given, is there.
func taskThere(root, id string) (task.Dir, bool, error) {
	if id == "" {
		return "", false, nil
	}
	if err := task.CheckID(id); err != nil {
		return "", false, misuse(err)
	}
	dir := task.Dir(filepath.Join(root, id))
	_, err := os.Lstat(string(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return "", false, fmt.Errorf("look for a task of that id: %w", err)
	}
	return dir, err == nil, nil
}

// begun says which task was started, and follows it or lets go of it.
func (a *app) begun(ctx context.Context, o *orderFlags, order launch.Order, l task.Launch, dir task.Dir) error {
	if o.detach {
		if err := taken(ctx, dir); err != nil {
			return err
		}
		return a.announce(l, dir, order.Ports, o)
	}
	if err := a.announce(l, dir, order.Ports, o); err != nil {
		return err
	}
	return a.follow(ctx, dir, false, o.json)
}

// taken waits until the shim that was just started keeps the task.
func taken(ctx context.Context, dir task.Dir) error {
	taken, err := launch.AwaitTaken(ctx, dir)
	if err == nil && !taken {
		err = doesNotStay(dir)
	}
	return err
}

func (a *app) warn(warnings []file.Error) {
	for _, w := range warnings {
		a.note("%s:%d:%d: warning: %s", w.File, w.Line, w.Col, w.Sentence)
	}
}

// announcement is what `dewar run --detach --json` prints.
type announcement struct {
	ID        string         `json:"id"`
	Directory string         `json:"directory"`
	Ports     map[string]int `json:"ports"`
}

// announce says which task this is, and the ports that the kernel gave.
func (a *app) announce(l task.Launch, dir task.Dir, given map[string]int, o *orderFlags) error {
	switch {
	case o.detach && o.json:
		return a.json(announcement{l.ID, string(dir), l.Ports})
	case o.json:
		return nil
	}
	if !o.detach {
		a.note("task %s, directory %s", l.ID, dir)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Ports)) {
		if given[name] == 0 {
			a.note("port %s = %d", name, l.Ports[name])
		}
	}
	if o.detach {
		return a.print("%s\n", l.ID)
	}
	return nil
}

// again is `run` with the id of a task that is there already.
func (a *app) again(ctx context.Context, o *orderFlags, order launch.Order, dir task.Dir) error {
	v, err := readTask(dir)
	if err != nil {
		return err
	}
	if err := over(v); err != nil {
		return held(err)
	}
	if v.Quarantine != nil {
		return fmt.Errorf("task %s is in quarantine: %w; nothing but a kill is possible: dewar kill %s", v.ID, v.Quarantine, v.ID)
	}
	if err := a.same(order, v); err != nil {
		return misuse(err)
	}
	if v.Shim == 0 && v.Brain == 0 {
		if err := a.waker(ctx, dir)(); err != nil {
			return a.overtaken(err)
		}
	}
	if o.detach {
		return a.announce(*v.Launch, dir, v.Launch.Ports, o)
	}
	return a.follow(ctx, dir, true, o.json)
}

// same is nil if the order is what the task was launched from.
func (a *app) same(order launch.Order, v *observer.View) error {
	diff, err := launch.Compare(order, *v.Launch)
	if err != nil || len(diff) == 0 {
		return err
	}
	what := "what is asked for"
	if order.File != nil {
		what = order.File.Name
	}
	return fmt.Errorf("task %s is active, and %s is not what it was launched from:\n  %s", v.ID, what, strings.Join(diff, "\n  "))
}

// overtaken gives the error of a task that has ended its exit status.
func (a *app) overtaken(err error) error {
	if finished := (*errOver)(nil); errors.As(err, &finished) {
		return held(err)
	}
	return err
}
