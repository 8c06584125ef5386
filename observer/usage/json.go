package usage

import "encoding/json"

// MarshalJSON leaves out what is not known, and limits that there are not.
func (f Figures) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		CPU            *float64 `json:"cpu_percent,omitempty"`
		Throttled      *float64 `json:"throttled_percent,omitempty"`
		Memory         *int64   `json:"memory,omitempty"`
		MemoryLimit    *int64   `json:"memory_limit,omitempty"`
		MemoryPeak     *int64   `json:"memory_peak,omitempty"`
		Swap           *int64   `json:"swap,omitempty"`
		Pids           *int64   `json:"pids,omitempty"`
		PidsLimit      *int64   `json:"pids_limit,omitempty"`
		Read           *float64 `json:"io_read_per_second,omitempty"`
		Write          *float64 `json:"io_write_per_second,omitempty"`
		PressureCPU    *float64 `json:"pressure_cpu,omitempty"`
		PressureMemory *float64 `json:"pressure_memory,omitempty"`
		PressureIO     *float64 `json:"pressure_io,omitempty"`
	}{
		told(f.CPU), told(f.Throttled), told(f.Memory), told(f.MemoryLimit), told(f.MemoryPeak), told(f.Swap),
		told(f.Pids), told(f.PidsLimit), told(f.Read), told(f.Write),
		told(f.PressureCPU), told(f.PressureMemory), told(f.PressureIO),
	})
}

// told is nil for what is not known.
func told[T int64 | float64](n T) *T {
	if n < 0 {
		return nil
	}
	return &n
}
