package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/task"
)

// clearCommandsWithin is how long what an earlier brain's commands have left may
// take to die before the first command of ours is refused.
const clearCommandsWithin = 2 * time.Second

// commands is who runs commands in the place of this task's processes: checks,
// pre_stops, captures. Only a task that has such commands pays for it: it is
// made when it is first asked for, and closed with the brain.
func (b *brain) commands() (*command.Runner, error) {
	if b.runner != nil {
		return b.runner, nil
	}
	inTime, cancel := context.WithTimeout(b.until, clearCommandsWithin)
	defer cancel()
	r, err := command.Open(inTime, b.Dir, b.tree, b.containerBinary())
	if err != nil {
		return nil, fmt.Errorf("run commands beside the task: %w", err)
	}
	b.runner = r
	return r, nil
}

func (b *brain) closeCommands() error {
	if b.runner == nil {
		return nil
	}
	return b.runner.Close()
}

// placeOf is the place of a live run.
func (b *brain) placeOf(id task.RunID) (command.Place, error) {
	spec, err := b.spec(id)
	if err != nil {
		return command.Place{}, err
	}
	run, _ := b.machine.Run(id)
	p := command.Place{Spec: spec, Main: run.Pid}
	if b.launch.Task.Isolation.Walled() {
		p.Run = b.Dir.Run(id)
	}
	return p, nil
}

// placeOfTask is the place of the task as a whole: its user, environment and
// sandbox. Behind walls that is the place of the first of its processes that
// runs, if there is one that is of the task's own user: the walls are its run's.
func (b *brain) placeOfTask() (command.Place, error) {
	none := task.DefaultProcess()
	spec, err := b.standing(&none, task.RunID{})
	if err != nil {
		return command.Place{}, err
	}
	spec.Env = slices.DeleteFunc(spec.Env, func(e string) bool {
		return strings.HasPrefix(e, "DEWAR_PROCESS=") || strings.HasPrefix(e, "DEWAR_RUN=")
	})
	if !b.launch.Task.Isolation.Walled() {
		return command.Place{Spec: spec}, nil
	}
	for i := range b.launch.Task.Processes {
		p := &b.launch.Task.Processes[i]
		if id, ok := b.liveRun(p.Name); ok && p.User == "" && !p.Final {
			run, _ := b.machine.Run(id)
			return command.Place{Spec: spec, Main: run.Pid, Run: b.Dir.Run(id)}, nil
		}
	}
	return command.Place{}, errors.New("no process of the task runs behind whose walls a command could be run")
}

// liveRun is the run of a process that lives.
func (b *brain) liveRun(process string) (task.RunID, bool) {
	live := b.machine.Live()
	at := slices.IndexFunc(live, func(id task.RunID) bool { return id.Process == process })
	if at < 0 {
		return task.RunID{}, false
	}
	return live[at], true
}
