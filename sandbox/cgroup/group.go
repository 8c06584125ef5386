package cgroup

import (
	"context"
	"syscall"
)

// Group is one group: in each hierarchy the directory at the same place below
// the task's. It is a value; its methods read and write the kernel's files. A
// group that does not exist is empty.
type Group struct {
	tree *Tree
	path string // below the task's group
}

// String is the group as people read it: task/p-web.
func (g Group) String() string { return g.path }

// Make makes the group in each hierarchy that every process enters. One that
// exists is taken up.
func (g Group) Make() error { return errUnfinished }

// Exists says whether the group is there in any hierarchy.
func (g Group) Exists() bool { return false }

// Remove removes this group and those below it, deepest first; see Tree.Remove.
func (g Group) Remove(ctx context.Context) error { return errUnfinished }

// Entry is what starting a process inside takes: the v2 directory to be cloned
// into ("" if there is none), and the cgroup.procs files of v1 hierarchies that
// the exec step writes "0" into, in this order. Only hierarchies in which the
// task has a limit, is counted, or is killed: ask again after Limit.
func (g Group) Entry() (unified string, v1 []string) { return "", nil }

// Procs answers every process in the group and below, each once, in ascending
// order; no zombies. Pid 0 is a process of another pid namespace.
func (g Group) Procs() ([]int, error) { return nil, errUnfinished }

// Populated says whether anything lives in the group or below.
func (g Group) Populated() (bool, error) { return false, errUnfinished }

// Kill kills everything in the group and below, whatever state it is in, and
// waits until it is gone. nil means: seen empty, in every hierarchy, sub-groups
// included. When ctx ends first, the error is an *Alive. A ctx without end
// waits for ever.
func (g Group) Kill(ctx context.Context) error { return errUnfinished }

// Signal sends sig to each process in the group and below, once. One that is
// gone meanwhile is no error.
func (g Group) Signal(sig syscall.Signal) error { return errUnfinished }

// Freeze stops the group and those below it, and waits until all stand still.
// If ctx ends first, the group is thawed again, and the error names who moves.
func (g Group) Freeze(ctx context.Context) error { return errUnfinished }

// Thaw lets it go on.
func (g Group) Thaw() error { return errUnfinished }

// Frozen says whether everything in the group stands still, by our doing or by
// that of a group above.
func (g Group) Frozen() (bool, error) { return false, errUnfinished }

// Alive is the error of a Kill that ran out of time: who is left.
type Alive struct {
	Group string
	Procs []Stuck // at least one; at most 20 are described
	More  int     // how many others there are
	Cause error   // ctx's
}

// Stuck is one process that does not die.
type Stuck struct {
	Pid     int    `json:"pid"`
	Command string `json:"command"`
	State   string `json:"state"` // D, T, …: as ps says
	Wchan   string `json:"wchan"` // where in the kernel it waits, if it says
	Group   string `json:"group"`
}

func (a *Alive) Error() string { return "kill " + a.Group + ": processes are left" }

func (a *Alive) Unwrap() error { return a.Cause }
