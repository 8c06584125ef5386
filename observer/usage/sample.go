package usage

import (
	"errors"
	"io/fs"
	"time"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// Source says where a sample's figures come from.
type Source string

const (
	FromGroups    Source = "groups"    // the kernel's books
	FromProcesses Source = "processes" // sums over what lives
)

// Sample is what a task used at one moment.
type Sample struct {
	At        time.Time
	Source    Source
	Task      Reading
	Processes []Process // in the order of the file, those that there is something to say of
	Disk      *Disk
}

// Process is the part of a sample that is about one process of the task.
type Process struct {
	Name string
	Reading
}

// Reading is what a group, or some processes, use (gauges) and have used
// (counters). -1 is: not known; of a limit: there is none.
type Reading struct {
	cgroup.Usage
	each map[identity]cgroup.Usage // of FromProcesses: the counters of every single process
}

// identity is a process: a pid alone may be another one's by now.
type identity struct {
	pid   int
	start uint64
}

// Disk is what the sandbox held, and when that was counted.
type Disk struct {
	Used    int64     `json:"used"`
	Allowed int64     `json:"allowed,omitempty"`
	At      time.Time `json:"at"`
}

// Read samples a task. A group that has gone, and a process, are left out. The
// error says why there is nothing to be read at all.
func Read(v *observer.View) (Sample, error) { return read(v, groupsOnce) }

func read(v *observer.View, fromGroups func(*Sample, *observer.View, *cgroup.Tree) error) (Sample, error) {
	s := Sample{At: time.Now(), Source: FromGroups}
	if d := v.Disk; d != nil {
		s.Disk = &Disk{Used: d.Bytes, Allowed: d.Allowed, At: d.Finished}
	}
	if g := v.Groups; g != nil && g.Used() && !v.Rebooted {
		return s, fromGroups(&s, v, cgroup.Open(g.Place))
	}
	s.Source = FromProcesses
	return s, s.fromProcesses(v)
}

func groupsOnce(s *Sample, v *observer.View, tree *cgroup.Tree) error {
	return s.fromGroups(v, tree.Task().Usage, func(name string) (cgroup.Usage, error) { return tree.Process(name).Usage() })
}

func (s *Sample) fromGroups(v *observer.View, all func() (cgroup.Usage, error), of func(process string) (cgroup.Usage, error)) (err error) {
	if s.Task.Usage, err = all(); err != nil {
		return err
	}
	for i := range v.State.Processes {
		name := v.State.Processes[i].Name
		u, err := of(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		s.Processes = append(s.Processes, Process{name, Reading{Usage: u}})
	}
	return nil
}

// live are the main processes of the task's live runs, by process.
func live(v *observer.View) map[string]identity {
	all := map[string]identity{}
	for i := range v.State.Processes {
		p := &v.State.Processes[i]
		if last := p.Last(); last != nil && last.State == machine.Running && last.Pid > 0 {
			all[p.Name] = identity{last.Pid, uint64(last.Start)}
		}
	}
	return all
}
