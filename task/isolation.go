package task

import "encoding/json"

// Isolation are the walls around a task beyond its control group. Its zero
// value is not its default: DefaultIsolation is, which leaves every view of the
// machine as it is and takes away capabilities and system calls.
//
// Paths are absolute, clean and those that the processes see, but for RootFS
// and the source of a volume, which are the machine's.
type Isolation struct {
	PID          Scope    `json:"pid"`                   // private: a run sees only itself and what it has started, which ends with it; an init of ours reaps orphans
	Tmp          Scope    `json:"tmp"`                   // /tmp; with a RootFS, host is the /tmp that it has
	Shm          Scope    `json:"shm"`                   // /dev/shm
	IPC          Scope    `json:"ipc"`                   // System V IPC and POSIX message queues
	UTS          Scope    `json:"uts"`                   // the host's name
	Hostname     string   `json:"hostname,omitempty"`    // needs UTS: private; empty: the machine's, at the start
	Network      Network  `json:"network"`               //
	ReadOnly     []string `json:"read_only,omitempty"`   // paths that cannot be written to, and what is below them
	Hidden       []string `json:"hidden,omitempty"`      // paths at which nothing can be seen
	RootFS       string   `json:"rootfs,omitempty"`      // a directory, or a .tar, that becomes /; empty: the machine's
	Volumes      []Volume `json:"volumes,omitempty"`     // mounted in this order
	Capabilities []string `json:"capabilities,omitzero"` // see CapabilitiesOf
	Seccomp      Seccomp  `json:"seccomp"`
}

// Volume shows a file or directory of the machine at a place in the task.
type Volume struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

// Scope says whose a view of the system is.
type Scope string

const (
	Host    Scope = "host"    // the machine's
	Private Scope = "private" // the task's own, shared by its processes; for PID a run's own
)

// Network says which network a task has.
type Network string

const (
	NetworkHost Network = "host" // the machine's
	NetworkNone Network = "none" // a loopback device of its own and nothing else
)

// Seccomp says which system calls a task may make.
type Seccomp string

const (
	SeccompDefault Seccomp = "default" // those that runc's default profile lets through
	SeccompNone    Seccomp = "none"    // all
)

// DefaultIsolation is what "isolation: {}" means.
func DefaultIsolation() Isolation {
	return Isolation{
		PID: Host, Tmp: Host, Shm: Host, IPC: Host, UTS: Host,
		Network: NetworkHost, Seccomp: SeccompDefault,
	}
}

// Walled says that the processes are started through dewar-container. Any
// isolation takes it, since the least of it bounds the capabilities.
func (i *Isolation) Walled() bool { return i != nil }

// CapabilitiesOf are the capabilities that a process behind walls has and can
// come to have: those that the list names, none if it is there and empty.
// Without a list root has DefaultCapabilities, and any other user none.
func (i *Isolation) CapabilitiesOf(root bool) []string {
	switch {
	case i.Capabilities != nil:
		return i.Capabilities
	case root:
		return DefaultCapabilities
	}
	return nil
}

// UnmarshalJSON gives absent fields their defaults. Unknown fields are passed
// over: a newer version may have written them.
func (i *Isolation) UnmarshalJSON(data []byte) error {
	type plain Isolation
	p := plain(DefaultIsolation())
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*i = Isolation(p)
	return nil
}
