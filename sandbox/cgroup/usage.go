package cgroup

import "time"

// Usage is what a group and those below it use and have used. -1 is: the kernel
// does not say; for a limit: there is none.
type Usage struct {
	CPU       time.Duration `json:"cpu"` // user and system
	User      time.Duration `json:"user"`
	System    time.Duration `json:"system"`
	Throttled time.Duration `json:"throttled"` // by CPUHard
	Periods   int64         `json:"periods"`   // of CPUHard, 100 ms
	Hits      int64         `json:"hits"`      // periods that were throttled

	Memory      int64 `json:"memory"` // bytes
	MemoryPeak  int64 `json:"memory_peak"`
	MemoryLimit int64 `json:"memory_limit"`
	Swap        int64 `json:"swap"`
	Pids        int64 `json:"pids"`
	PidsLimit   int64 `json:"pids_limit"`
	IORead      int64 `json:"io_read"` // bytes
	IOWrite     int64 `json:"io_write"`

	PressureCPU    Pressure `json:"pressure_cpu"`
	PressureMemory Pressure `json:"pressure_memory"`
	PressureIO     Pressure `json:"pressure_io"`
}

// Pressure is how much of the last 10 s somebody, or everybody, in the group
// stood waiting: per cent; -1 where the kernel does not say.
type Pressure struct {
	Some float64 `json:"some"`
	Full float64 `json:"full"`
}

// Usage reads what the group uses. A controller that the group does not have is
// no error; a group that is gone is one (fs.ErrNotExist).
func (g Group) Usage() (Usage, error) { return Usage{}, errUnfinished }

// OOMCounts are cumulative.
type OOMCounts struct {
	Kills int64 `json:"kills"` // processes of this very group that an OOM kill ended, whosever limit it was; -1: the kernel does not say (v1 before 4.13)
	Hits  int64 `json:"hits"`  // OOMs at this very group's own limit (v2: memory.events.local oom; v1: failcnt, which reclaim raises too)
	Limit int64 `json:"limit"` // bytes; -1: none
	Peak  int64 `json:"peak"`  // bytes; -1: the kernel does not say
}

// OOM reads the counts. Where there is no memory controller it is an error.
func (g Group) OOM() (OOMCounts, error) { return OOMCounts{}, errUnfinished }

// MachineOOM is how many processes of the machine OOM kills have ended since
// boot, whosever limit it was (/proc/vmstat oom_kill, since 4.13).
func MachineOOM() (int64, error) { return 0, errUnfinished }
