package supervisor

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/notify"
	"github.com/dewarhq/dewar/healthcheck/socket"
	"github.com/dewarhq/dewar/healthcheck/watch"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// question is how a check is asked of the run that the machine names.
func (b *brain) question(a machine.Asked) watch.Question {
	q := &asked{Asked: a}
	q.snoozed.Store(a.Snoozed)
	if b.asked == nil {
		b.asked = make(map[machine.CheckID]*asked)
	}
	b.asked[a.CheckID] = q
	check := b.check(a.CheckID)
	asker, err := b.asker(a, check)
	if err != nil {
		asker = hopeless{healthcheck.Answer{Outcome: judge.Misconfigured, Reason: err.Error()}}
	}
	return watch.Question{
		Process: a.Process, Check: a.Check, Run: a.Run,
		Interval: time.Duration(check.Interval), Timeout: time.Duration(check.Timeout),
		Asker: &fair{Asker: asker, snoozed: &q.snoozed, snoozeFile: filepath.Join(b.Dir.Sandbox(), snoozeName), strain: b.strainOf(a.CheckID, check)},
	}
}

// hopeless is a check that cannot be asked.
type hopeless struct{ answer healthcheck.Answer }

func (h hopeless) Ask(time.Time) healthcheck.Answer { return h.answer }
func (hopeless) Close() error                       { return nil }

// check is what the task's file says of a check.
func (b *brain) check(id machine.CheckID) *task.Check {
	for process, c := range b.launch.Task.AllChecks() {
		if process == id.Process && c.Name == id.Check {
			return c
		}
	}
	return nil
}

// strainOf is what a check's target depends on: the group of its process, or
// those of all if it is the task's check; and the group of the command, if it is
// asked by one.
func (b *brain) strainOf(id machine.CheckID, c *task.Check) *strain {
	if b.tree == nil {
		return &strain{}
	}
	command := len(c.Argv) > 0 || c.Shell != ""
	if s := b.strains[id.Process]; s != nil && !command {
		return s
	}
	s := &strain{groups: []cgroup.Group{b.tree.Process(id.Process)}}
	if id.Process == "" {
		s.groups = []cgroup.Group{b.tree.Task()}
		for i := range b.launch.Task.Processes {
			s.groups = append(s.groups, b.tree.Process(b.launch.Task.Processes[i].Name))
		}
	}
	if command {
		s.groups = append(slices.Clip(s.groups), b.tree.Check(commandName(id)))
		return s
	}
	if b.strains == nil {
		b.strains = make(map[string]*strain)
	}
	b.strains[id.Process] = s
	return s
}

// commandName is that of a check's command among those of the task.
func commandName(id machine.CheckID) string { return "check " + id.Process + "/" + id.Check }

// asker is how a check is asked. An error is one that no later attempt mends.
func (b *brain) asker(a machine.Asked, c *task.Check) (healthcheck.Asker, error) {
	switch {
	case c.Shell != "" || len(c.Argv) > 0:
		return b.commandAsker(a, c)
	case c.Notify != nil:
		id := task.RunID{Process: a.Process, Run: a.Run}
		run, _ := b.machine.Run(id)
		return notify.New(b.Dir.Run(id), run.Started.Boot, time.Duration(c.Notify.MaxAge)), nil
	}
	return b.socketAsker(a, c)
}

// commandAsker runs a command in the place of the run, or of the task. What we
// cannot do is not the target's fault, and not the check's.
func (b *brain) commandAsker(a machine.Asked, c *task.Check) (healthcheck.Asker, error) {
	cannot := func(err error) (healthcheck.Asker, error) {
		return hopeless{healthcheck.Answer{Outcome: judge.Inconclusive, Phase: healthcheck.Exec, Reason: healthcheck.Clean(err.Error())}}, nil
	}
	runner, err := b.commands()
	if err != nil {
		return cannot(err)
	}
	var place command.Place
	if a.Process == "" {
		place, err = b.placeOfTask()
	} else {
		place, err = b.placeOf(task.RunID{Process: a.Process, Run: a.Run})
	}
	if err != nil {
		return cannot(err)
	}
	return runner.Asker(command.Command{Place: place, Name: commandName(a.CheckID), Shell: c.Shell, Argv: c.Argv}), nil
}

// socketAsker asks over a socket, or looks at a file.
func (b *brain) socketAsker(a machine.Asked, c *task.Check) (healthcheck.Asker, error) {
	return socket.New(c, b.socketPlace(a))
}

// socketPlace is where the target of a check lives: behind the walls of its run,
// or for the task's own check of the first run that lives; all share one network.
func (b *brain) socketPlace(a machine.Asked) socket.Place {
	place := socket.Place{Ports: b.launch.Ports, Sandbox: b.Dir.Sandbox()}
	walls := b.launch.Task.Isolation
	if !walls.Walled() {
		return place
	}
	place.Apart = walls.Network == task.NetworkNone
	if a.Process != "" {
		run, _ := b.machine.Run(task.RunID{Process: a.Process, Run: a.Run})
		place.Main = func() (int, error) { return run.Pid, nil }
		return place
	}
	dir, hosts := b.Dir, b.ordinary()
	place.Main = func() (int, error) {
		_, s, err := firstRunning(dir, hosts)
		return s.Pid, err
	}
	return place
}
