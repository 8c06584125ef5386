package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/enter"
	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
)

func (a *app) execCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "exec TASK [PROCESS] -- CMD…",
		Short: "Run a command in the place of a process",
		Long: `Exec runs a command where a process of a task runs: as its user, with its
directory, environment, umask and limits, in its group, behind its walls if it
has any. PROCESS may be left out where only one runs. On a terminal the command
gets one of its own.

The command is no run of the task: its end ends nothing, and nothing is restarted.
But it pays from the process' limits, and is killed with the process' group when
its run is cleared away or the task ends. It is killed when dewar exec dies. (Of
a task without control groups only the latter holds.)

Exec gives you nothing that you could not do without it: to enter another user's
task you have to be root, and so you have for walls.

Exit status: the command's, or 128 and the number of the signal that ended it; 5
if nothing runs there; 100 and 111 as everywhere.`,
		Args: func(c *cobra.Command, args []string) error {
			if at := c.ArgsLenAtDash(); at < 1 || at > 2 || len(args) <= at {
				return errors.New("exec wants TASK [PROCESS] -- CMD…; see dewar help exec")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			at := c.ArgsLenAtDash()
			process := ""
			if at == 2 {
				process = args[1]
			}
			return a.exec(args[0], process, args[at:])
		},
	}
	return c
}

func (a *app) exec(id, process string, args []string) error {
	v, err := a.view(id)
	if err != nil {
		return err
	}
	if err := a.mayEnter(v, process); err != nil {
		return err
	}
	place, err := enter.Find(v, process)
	if none := (enter.NotRunning{}); errors.As(err, &none) {
		return held(err)
	}
	if err != nil {
		return err
	}
	out, ok := a.out.(*os.File)
	errOut, ok2 := a.err.(*os.File)
	if !ok || !ok2 {
		return errors.New("run a command: our own output is no file")
	}
	status, err := place.Execute(args, enter.Stdio{In: a.in, Out: out, Err: errOut}, a.containerProgram())
	if err != nil {
		return err
	}
	if status == 128+9 && place.Over() {
		a.note("the command was killed: run %d of %s has ended", place.Run.Run, place.Run.Process)
	}
	return silent(status)
}

// mayEnter says why no command can be run there.
func (a *app) mayEnter(v *observer.View, process string) error {
	if err := over(v); err != nil {
		return held(err)
	}
	if process != "" {
		if err := knows(v, process); err != nil {
			return misuse(err)
		}
	}
	if v.State.Pause != nil {
		return held(fmt.Errorf("task %s is paused, and a command would stand still with it: dewar unpause %s", v.ID, v.ID))
	}
	return nil
}

// containerProgram is where dewar-container is, or should be.
func (a *app) containerProgram() string {
	p, err := a.programs()
	if err != nil {
		return container.Program
	}
	return besideBrain(p)
}

// besideBrain is where the brain looks for dewar-container: beside itself,
// whatever links lead there.
func besideBrain(p launch.Programs) string {
	brain, err := filepath.EvalSymlinks(p.Brain)
	if err != nil {
		brain = p.Brain
	}
	return filepath.Join(filepath.Dir(brain), container.Program)
}

// mayWall says why the walls of a task can be built for none of its runs.
func mayWall(t task.Task, p launch.Programs) error {
	if !t.Isolation.Walled() {
		return nil
	}
	if err := container.Available(besideBrain(p)); err != nil {
		return misuse(err)
	}
	return nil
}
