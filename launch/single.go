package launch

import (
	"errors"
	"fmt"

	"github.com/dewarhq/dewar/task"
)

// Single is a task of one process. A command of one word is a line for the
// shell; one of several is executed as it is.
func Single(name string, command []string) task.Task {
	p := task.DefaultProcess()
	p.Name = name
	p.Logger.Destination = task.ToBoth // who runs one command wants to see what it says
	if len(command) == 1 {
		p.Cmdline = command[0]
	} else {
		p.Argv = command
	}
	t := task.DefaultTask()
	t.Name, t.Processes = name, []task.Process{p}
	t.FillIn()
	return t
}

// words are the texts of a single task in which templates stand.
func (o *Order) words() []string {
	p := o.Single.Processes[0]
	if p.Cmdline != "" {
		return []string{p.Cmdline}
	}
	return p.Argv
}

// singlePorts are the names of the ports that a single task's templates want.
func (o *Order) singlePorts() []string {
	var ports []string
	for _, word := range o.words() {
		_, unbound := task.Bindings(o.Bindings).Expand(word)
		for _, u := range unbound {
			if port := task.PortOf(u.Variable); port != "" {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

func (o *Order) bindSingle(all task.Bindings) (task.Task, error) {
	t := o.Single
	p := t.Processes[0]
	var errs []error
	expand := func(text string) string {
		text, unbound := all.Expand(text)
		for _, u := range unbound {
			errs = append(errs, fmt.Errorf("the command: %s", u.Reason))
		}
		return text
	}
	p.Cmdline = expand(p.Cmdline)
	argv := make([]string, len(p.Argv))
	for i, word := range p.Argv {
		argv[i] = expand(word)
	}
	if len(argv) > 0 {
		p.Argv = argv
	}
	t.Processes = []task.Process{p}
	return t, errors.Join(append(errs, t.Validate().Err())...)
}
