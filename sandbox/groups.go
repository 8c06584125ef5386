package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/task"
)

// Groups is what the file groups of a task's directory says: where its kernel
// groups are, or why there are none. It is written before any is made.
type Groups struct {
	Place     cgroup.Place       `json:"place"`
	Why       string             `json:"why,omitempty"`       // there are none: the end of a sentence
	Unapplied []cgroup.Unapplied `json:"unapplied,omitempty"` // limits of ours that this kernel does not have
}

// Used says that there are groups.
func (g *Groups) Used() bool { return g.Place.Mode != "" && g.Place.Mode != cgroup.None }

// ReadGroups reads the file; found is false if there is none.
func ReadGroups(dir task.Dir) (g Groups, found bool, err error) {
	content, err := os.ReadFile(dir.Groups())
	if errors.Is(err, fs.ErrNotExist) {
		return g, false, nil
	}
	if err != nil {
		return g, false, fmt.Errorf("read where the task's groups are: %w", err)
	}
	if err := json.Unmarshal(content, &g); err != nil {
		return g, false, fmt.Errorf("read where the task's groups are: %s: %w", dir.Groups(), err)
	}
	return g, true, nil
}

// Write puts the file into place, whole or not at all.
func (g *Groups) Write(dir task.Dir) error {
	content, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("write where the task's groups are: %w", err)
	}
	next := dir.Groups() + ".new"
	if err := os.WriteFile(next, append(content, '\n'), 0o640); err != nil {
		return fmt.Errorf("write where the task's groups are: %w", err)
	}
	if err := os.Rename(next, dir.Groups()); err != nil {
		return fmt.Errorf("write where the task's groups are: %w", err)
	}
	return nil
}

// Limits puts a task's or a process' resources into the words of its group.
// The limits that nobody asked for are named as such.
func Limits(r task.Resources, asked task.Resources, dir task.Dir) cgroup.Limits {
	swap := int64(r.Swap)
	l := cgroup.Limits{
		CPU: r.CPU, CPUHard: r.CPUHard, RAM: int64(r.RAM), RAMSoft: int64(r.RAMSoft), Pids: int64(r.Pids), CPUSet: r.CPUSet,
		Defaults: map[cgroup.What]bool{},
	}
	if r.RAM > 0 {
		l.Swap = &swap
		l.Defaults[cgroup.Swap] = asked.Swap == 0
	}
	if asked.Pids == 0 {
		l.Defaults[cgroup.Pids] = true
	}
	if io := r.IO; io != nil {
		l.IOWeight, l.IORead, l.IOWrite, l.IOPath = io.Weight, int64(io.Read), int64(io.Write), dir.Sandbox()
	}
	return l
}
