package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
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
// runs, of those that are of the task's own user: the walls are its run's.
func (b *brain) placeOfTask() (command.Place, error) {
	none := task.DefaultProcess()
	spec, err := b.standing(&none, task.RunID{})
	if err != nil {
		return command.Place{}, err
	}
	spec.Env = slices.DeleteFunc(spec.Env, func(e string) bool {
		return strings.HasPrefix(e, "DEWAR_PROCESS=") || strings.HasPrefix(e, "DEWAR_RUN=")
	})
	place := command.Place{Spec: spec}
	if !b.launch.Task.Isolation.Walled() {
		return place, nil
	}
	dir, hosts := b.Dir, b.ordinary()
	place.Behind = func() (string, error) {
		id, _, err := firstRunning(dir, hosts)
		return dir.Run(id), err
	}
	return place, nil
}

// ordinary are the names of the ordinary processes of the task's own user.
func (b *brain) ordinary() (names []string) {
	for i := range b.launch.Task.Processes {
		if p := &b.launch.Task.Processes[i]; p.User == "" && !p.Final {
			names = append(names, p.Name)
		}
	}
	return names
}

// firstRunning is the run that lives of the first of some processes that has one.
// It reads the shim's files alone.
func firstRunning(dir task.Dir, processes []string) (task.RunID, shim.Status, error) {
	for _, name := range processes {
		id, found := newest(dir, name)
		if !found {
			continue
		}
		s, err := client.ReadStatus(dir, id)
		if err == nil && s.State == shim.Running && shim.Alive(s.Pid, s.Start) {
			return id, s, nil
		}
	}
	return task.RunID{}, shim.Status{}, errors.New("no process of the task runs behind whose walls something could be asked")
}

// newest is the last run of a process that there is a directory of.
func newest(dir task.Dir, process string) (id task.RunID, found bool) {
	id = task.RunID{Process: process, Run: -1}
	entries, err := os.ReadDir(filepath.Dir(dir.Run(task.RunID{Process: process})))
	if err != nil {
		return id, false
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			id.Run = max(id.Run, n)
		}
	}
	return id, id.Run >= 0
}
