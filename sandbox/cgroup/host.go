package cgroup

import "errors"

// Mode says which hierarchies serve.
type Mode string

const (
	V1     Mode = "v1"
	V2     Mode = "v2"
	Hybrid Mode = "hybrid" // limits on v1, containment on the unified hierarchy
	None   Mode = "none"
)

// Host is what this machine has for us.
type Host struct {
	Mode Mode
	Why  string // of None: a sentence's end, "… because <Why>"

	// Own has the absolute directory of our own group in each hierarchy that we
	// may make groups in: "" is the unified one, other keys are v1 controllers.
	Own map[string]string

	// Controllers says of each of cpu, cpuacct, cpuset, memory, pids, io and
	// freezer whether it can be used, in the words of v2 (io is v1's blkio).
	Controllers map[string]Fact

	Boot string // the boot id
}

// Fact is one thing that is there, or why it is not.
type Fact struct {
	Usable bool   `json:"usable"`
	Where  Mode   `json:"where,omitempty"` // V1 or V2
	Why    string `json:"why,omitempty"`   // of one that is not usable
}

var errUnfinished = errors.New("sandbox/cgroup cannot do this yet")

// ErrNone is what Place answers where there are no groups for us.
var ErrNone = errors.New("no control groups can be used here")

// Look finds what there is. It makes nothing, and asks the kernel for
// permission only. A machine without groups is no error, but Mode None.
//
// Whoever stands in the ctl/ of a task of ours is taken to stand where that
// task's group is.
func Look() (Host, error) { return Host{Mode: None, Why: errUnfinished.Error()}, nil }

// Strangers answers who, but for ours, keeps our own unified group from
// handing controllers down: the processes in it. There are none where the
// hierarchy is not unified, or where we are in its root. Pid 0 is a process of
// another pid namespace.
func (h Host) Strangers(ours ...int) ([]int, error) { return nil, errUnfinished }

// Place says where the groups of one task are: absolute directories. It is
// written down before anything is made, and is all that a later brain needs to
// find, limit, kill and remove them.
type Place struct {
	Mode    Mode              `json:"mode"`
	Unified string            `json:"unified,omitempty"`
	V1      map[string]string `json:"v1,omitempty"` // controller (in v1's words) to directory
	Boot    string            `json:"boot,omitempty"`
}

// Place answers <own>/dewar-<hash of key>. The key tells tasks of one machine
// apart: a task's absolute directory, say. Nothing is made.
func (h Host) Place(key string) (Place, error) { return Place{}, ErrNone }
