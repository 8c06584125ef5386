package task

import "cmp"

// Resources of a task, or of one process inside the task's. Sizes are bytes.
// A zero is a limit that was not asked for, with two exceptions: a task always
// has a limit of processes (Task.Limits), and what has RAM has no swap beside it
// unless Swap says so. GPU is only recorded.
//
// All but Disk and GPU take control groups. A limit that was asked for and
// cannot be applied is a failure to start.
type Resources struct {
	CPU     float64 `json:"cpu,omitempty"`      // cores; a weight: who has asked for more gets more when there is not enough
	CPUHard float64 `json:"cpu_hard,omitempty"` // cores; a quota: no more even if the machine is idle
	RAM     Size    `json:"ram,omitempty"`      // the kernel kills beyond it
	RAMSoft Size    `json:"ram_soft,omitempty"` // the kernel slows down and reclaims beyond it; less than RAM
	Swap    Size    `json:"swap,omitempty"`     // beside RAM, which it needs, and not part of it
	Pids    int     `json:"pids,omitempty"`     // processes and threads at one time
	IO      *IO     `json:"io,omitempty"`
	CPUSet  string  `json:"cpuset,omitempty"` // the CPUs it may run on, as the kernel writes them: "0-3,7" (ParseCPUSet)
	Disk    Size    `json:"disk,omitempty"`   // of the sandbox and the logs in it; see DiskAction
	GPU     int     `json:"gpu,omitempty"`
}

// IO bounds the traffic with block devices; Read and Write are bytes a second
// on the device that the sandbox is on.
type IO struct {
	Weight int  `json:"weight,omitempty"` // 1 to 10000; the kernel's default is 100
	Read   Size `json:"read,omitempty"`
	Write  Size `json:"write,omitempty"`
}

// DefaultPids is the limit of a task that does not say how many processes and
// threads it may have.
const DefaultPids = 4096

// HardAsCPU stands for cpu_hard: true until FillIn replaces it by CPU.
const HardAsCPU = -1

// Limits are the task's resources with defaults. IO is the task's own value,
// not a copy.
func (t Task) Limits() Resources {
	var r Resources
	if t.Resources != nil {
		r = *t.Resources
	}
	if r.Pids == 0 {
		r.Pids = DefaultPids
	}
	return r
}

// Limits are what the process may use of the task's limits. A zero is no limit
// of its own, also for Pids; for Swap beside a RAM of its own it is no swap. IO
// is the process' own value, not a copy.
func (p Process) Limits() Resources {
	if p.Resources == nil {
		return Resources{}
	}
	return *p.Resources
}

// With is r with what other asks for in its place; what other does not ask for
// stays.
func (r Resources) With(other Resources) Resources {
	r.CPU = cmp.Or(other.CPU, r.CPU)
	r.CPUHard = cmp.Or(other.CPUHard, r.CPUHard)
	r.RAM = cmp.Or(other.RAM, r.RAM)
	r.RAMSoft = cmp.Or(other.RAMSoft, r.RAMSoft)
	r.Swap = cmp.Or(other.Swap, r.Swap)
	r.Pids = cmp.Or(other.Pids, r.Pids)
	r.CPUSet = cmp.Or(other.CPUSet, r.CPUSet)
	r.Disk = cmp.Or(other.Disk, r.Disk)
	r.GPU = cmp.Or(other.GPU, r.GPU)
	switch {
	case r.IO == nil:
		r.IO = other.IO
	case other.IO != nil:
		r.IO = &IO{
			Weight: cmp.Or(other.IO.Weight, r.IO.Weight),
			Read:   cmp.Or(other.IO.Read, r.IO.Read),
			Write:  cmp.Or(other.IO.Write, r.IO.Write),
		}
	}
	return r
}

func (r *Resources) fillIn() {
	if r != nil && r.CPUHard == HardAsCPU && r.CPU > 0 {
		r.CPUHard = r.CPU
	}
}

// OOM says who dies when a limit of memory is hit.
type OOM string

const (
	OOMProcess OOM = "process" // the kernel's victim alone; its run has failed
	OOMGroup   OOM = "group"   // everything of the task, then each run is judged
	OOMTask    OOM = "task"    // everything of the task, and the task FAILS
)

// DiskAction says what happens when the task uses more than its Disk.
type DiskAction string

const (
	DiskFail DiskAction = "fail" // the task FAILS
	DiskWarn DiskAction = "warn" // it is said, and the task goes on
)
