package supervisor

import (
	"context"
	"fmt"
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
