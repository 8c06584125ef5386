package observer

import (
	"fmt"
	"strings"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// told is what is known of a process whose log is wanted.
type told struct {
	name  string
	runs  []machine.Run // those that are kept
	final bool          // no other run will come by itself
}

// process is what is known now of the process that is meant.
func (t *tail) process() (*told, error) {
	if t.name == "" {
		name, err := t.choose()
		if err == nil {
			err = t.kept(name)
		}
		if err != nil {
			return nil, err
		}
		t.name = name
	}
	p, ok := t.machine.Process(t.name)
	if !ok {
		return nil, fmt.Errorf("the task has no process %s any more", task.Quote(t.name))
	}
	return &told{name: p.Name, runs: p.History, final: p.Over != "" || over(t.machine.Phase())}, nil
}

// choose finds the process that is meant.
func (t *tail) choose() (string, error) {
	if t.launch == nil {
		return "", fmt.Errorf("the processes of the task are not known: %w", t.why)
	}
	var names []string
	for i := range t.launch.Task.Processes {
		name := t.launch.Task.Processes[i].Name
		if name == t.Process {
			return name, nil
		}
		names = append(names, name)
	}
	switch near := task.Nearest(t.Process, names); {
	case t.Process == "" && len(names) == 1:
		return names[0], nil
	case t.Process == "":
		return "", fmt.Errorf("the task has %d processes, say which: %s", len(names), some(names))
	case near != "":
		return "", fmt.Errorf("the task has no process %s; did you mean %s?", task.Quote(t.Process), task.Quote(near))
	}
	return "", fmt.Errorf("the task has no process %s; it has %s", task.Quote(t.Process), some(names))
}

// kept refuses processes that keep no logs.
func (t *tail) kept(process string) error {
	for i := range t.launch.Task.Processes {
		p := &t.launch.Task.Processes[i]
		if p.Name != process {
			continue
		}
		switch p.Logger.Destination {
		case task.ToNone:
			return fmt.Errorf("process %s keeps no logs: its logger's destination is none", task.Quote(process))
		case task.ToConsole:
			return fmt.Errorf("process %s keeps no logs: its logger's destination is the console, %s", task.Quote(process), t.dir.Console())
		}
	}
	return nil
}

// pick chooses the run to begin with; it is nil if there is none yet.
func (t *tail) pick(p *told) (*task.RunID, error) {
	if len(p.runs) == 0 && (t.Run == nil || t.Follow && *t.Run == 0) {
		return nil, nil
	}
	if len(p.runs) == 0 {
		return nil, fmt.Errorf("process %s has not run yet", task.Quote(p.name))
	}
	latest := p.runs[len(p.runs)-1].Run
	if t.Run == nil {
		return &task.RunID{Process: p.name, Run: latest}, nil
	}
	for i := range p.runs {
		if p.runs[i].Run == *t.Run {
			return &task.RunID{Process: p.name, Run: *t.Run}, nil
		}
	}
	return nil, fmt.Errorf("run %d of process %s is not kept; the latest is %d", *t.Run, task.Quote(p.name), latest)
}

// ended says that a run has ended, or is not kept any more.
func (p *told) ended(run int) bool {
	for i := range p.runs {
		if p.runs[i].Run == run {
			return !p.runs[i].Live()
		}
	}
	return true
}

// after is the first run that is kept after this one, nil if there is none.
func (p *told) after(run int) *task.RunID {
	for i := range p.runs {
		if p.runs[i].Run > run {
			return &task.RunID{Process: p.name, Run: p.runs[i].Run}
		}
	}
	return nil
}

func some(names []string) string {
	const most = 8
	var quoted []string
	for _, n := range names[:min(most, len(names))] {
		quoted = append(quoted, task.Quote(n))
	}
	s := strings.Join(quoted, ", ")
	if len(names) > most {
		s += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return s
}
