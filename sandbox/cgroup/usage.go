package cgroup

import (
	"errors"
	"time"
)

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
// no error; a group that is gone is one (fs.ErrNotExist). Whoever reads often
// keeps a Meter.
func (g Group) Usage() (Usage, error) {
	m, err := g.Meter(nil)
	if err != nil {
		return Usage{}, err
	}
	u, err := m.Read()
	return u, errors.Join(err, m.Close())
}
