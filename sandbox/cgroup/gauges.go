package cgroup

import "time"

// nothing is a Usage of which the kernel has said nothing yet.
var nothing = Usage{
	CPU: -1, User: -1, System: -1, Throttled: -1, Periods: -1, Hits: -1,
	Memory: -1, MemoryPeak: -1, MemoryLimit: -1, Swap: -1, Pids: -1, PidsLimit: -1, IORead: -1, IOWrite: -1,
	PressureCPU: Pressure{-1, -1}, PressureMemory: Pressure{-1, -1}, PressureIO: Pressure{-1, -1},
}

// gauges are the files of Usage: v1's, where the task has groups in that
// hierarchy, else v2's.
var gauges = []struct {
	controller string // of v1
	v1, v2     string
	learn      func(*Usage, []byte)
	learnV1    func(*Usage, []byte) // if v1's is another text
}{
	// v2 without a controller (time alone, since 4.15), bandwidth with cpu.
	{"cpuacct", "cpuacct.usage_user", "cpu.stat", learnCPU, learnUser}, // v1 since 4.6
	{"cpuacct", "cpuacct.usage_sys", "", nil, learnSystem},             // since 4.6
	{"cpu", "cpu.stat", "", nil, learnThrottle},                        // since 3.2
	{"memory", "memory.usage_in_bytes", "memory.current", set(func(u *Usage) *int64 { return &u.Memory }), nil},
	{"memory", "memory.max_usage_in_bytes", "memory.peak", set(func(u *Usage) *int64 { return &u.MemoryPeak }), nil}, // v2 since 5.19
	{"memory", "memory.limit_in_bytes", "memory.max", set(func(u *Usage) *int64 { return &u.MemoryLimit }), nil},
	{"memory", "memory.memsw.usage_in_bytes", "memory.swap.current", set(func(u *Usage) *int64 { return &u.Swap }), learnSwapV1},
	{"pids", "pids.current", "pids.current", set(func(u *Usage) *int64 { return &u.Pids }), nil},
	{"pids", "pids.max", "pids.max", set(func(u *Usage) *int64 { return &u.PidsLimit }), nil},
	{"blkio", "blkio.throttle.io_service_bytes_recursive", "io.stat", learnIO, learnBlkio},   // v1 since 4.12
	{"", "", "cpu.pressure", press(func(u *Usage) *Pressure { return &u.PressureCPU }), nil}, // since 5.2, as the next
	{"", "", "memory.pressure", press(func(u *Usage) *Pressure { return &u.PressureMemory }), nil},
	{"", "", "io.pressure", press(func(u *Usage) *Pressure { return &u.PressureIO }), nil},
}

func set(field func(*Usage) *int64) func(*Usage, []byte) {
	return func(u *Usage, text []byte) {
		if n, ok := number(text); ok {
			*field(u) = n
		}
	}
}

func press(field func(*Usage) *Pressure) func(*Usage, []byte) {
	return func(u *Usage, text []byte) { *field(u) = pressure(text) }
}

func learnCPU(u *Usage, text []byte) {
	u.CPU = micro(flat(text, "usage_usec"))
	u.User = micro(flat(text, "user_usec"))
	u.System = micro(flat(text, "system_usec"))
	u.Periods = flat(text, "nr_periods")
	u.Hits = flat(text, "nr_throttled")
	u.Throttled = micro(flat(text, "throttled_usec"))
}

func micro(n int64) time.Duration {
	if n < 0 {
		return -1
	}
	return time.Duration(n) * time.Microsecond
}

func learnUser(u *Usage, text []byte) {
	if n, ok := number(text); ok {
		u.User = time.Duration(n)
	}
}

func learnSystem(u *Usage, text []byte) {
	if n, ok := number(text); ok {
		u.System = time.Duration(n)
		u.CPU = u.User + u.System
	}
}

func learnThrottle(u *Usage, text []byte) {
	u.Periods = flat(text, "nr_periods")
	u.Hits = flat(text, "nr_throttled")
	if n := flat(text, "throttled_time"); n >= 0 {
		u.Throttled = time.Duration(n)
	}
}

// learnSwapV1: v1 counts memory and swap together. The two are read one after
// the other.
func learnSwapV1(u *Usage, text []byte) {
	if n, ok := number(text); ok && u.Memory >= 0 {
		u.Swap = max(n-u.Memory, 0)
	}
}

func learnIO(u *Usage, text []byte) {
	u.IORead, u.IOWrite = nested(text, "rbytes"), nested(text, "wbytes")
}

func learnBlkio(u *Usage, text []byte) {
	u.IORead, u.IOWrite = blkio(text, "Read"), blkio(text, "Write")
}
