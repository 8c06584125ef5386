package cgroup

import "time"

// nothing is a Usage of which the kernel has said nothing yet.
var nothing = Usage{
	CPU: -1, User: -1, System: -1, Throttled: -1, Periods: -1, Hits: -1,
	Memory: -1, MemoryPeak: -1, MemoryLimit: -1, Swap: -1, Pids: -1, PidsLimit: -1, IORead: -1, IOWrite: -1,
	PressureCPU: Pressure{-1, -1}, PressureMemory: Pressure{-1, -1}, PressureIO: Pressure{-1, -1},
}

// gauges are the files of Usage: v1's, where the task has groups in that
// hierarchy, else v2's. Those of processor time come first: idle asks them.
var gauges = []struct {
	controller string // of v1
	v1, v2     string
	learn      func(*Meter, []byte)
	learnV1    func(*Meter, []byte) // if v1's is another text
	rests      func(*Meter) bool    // see gauge
}{
	// v2 without a controller (time alone, since 4.15), bandwidth with cpu. v1's
	// total is exact, its parts are counted in ticks.
	{"cpuacct", "cpuacct.usage", "cpu.stat", in(learnCPU), in(learnTotal), allIdle},
	{"cpuacct", "cpuacct.usage_user", "", nil, in(learnUser), idle},  // since 4.6
	{"cpuacct", "cpuacct.usage_sys", "", nil, in(learnSystem), idle}, // since 4.6
	{"cpu", "cpu.stat", "", nil, in(learnThrottle), unlimited},       // since 3.2
	{"memory", "memory.usage_in_bytes", "memory.current", set(func(u *Usage) *int64 { return &u.Memory }), nil, nil},
	{"memory", "memory.max_usage_in_bytes", "memory.peak", set(func(u *Usage) *int64 { return &u.MemoryPeak }), nil, always}, // v2 since 5.19
	{"memory", "memory.limit_in_bytes", "memory.max", set(func(u *Usage) *int64 { return &u.MemoryLimit }), nil, always},
	{"memory", "memory.memsw.usage_in_bytes", "memory.swap.current", set(func(u *Usage) *int64 { return &u.Swap }), in(learnSwapV1), swapless},
	{"pids", "pids.current", "pids.current", set(func(u *Usage) *int64 { return &u.Pids }), nil, idle},
	{"pids", "pids.max", "pids.max", set(func(u *Usage) *int64 { return &u.PidsLimit }), nil, always},
	{"blkio", "blkio.throttle.io_service_bytes_recursive", "io.stat", in(learnIO), in(learnBlkio), idle}, // v1 since 4.12
	{"", "", "cpu.pressure", press(0), nil, calm(0)},                                                     // since 5.2, as the next
	{"", "", "memory.pressure", press(1), nil, calm(1)},
	{"", "", "io.pressure", press(2), nil, calm(2)},
}

// stalls is how many kinds of pressure there are.
const stalls = 3

func (m *Meter) pressure(kind int) *Pressure {
	return [stalls]*Pressure{&m.said.PressureCPU, &m.said.PressureMemory, &m.said.PressureIO}[kind]
}

func always(*Meter) bool { return true }

// idle says that nobody in the group has run since the last reading: so nobody
// forked, ended, read or wrote. (What they wrote before, v2 counts when the
// kernel takes it to the disk; and somebody may be moved in from outside.)
func idle(m *Meter) bool { return m.said.CPU >= 0 && m.said.CPU == m.ran }

// allIdle says that nobody ran in the group above either, which is a part of it.
func allIdle(m *Meter) bool { return m.within != nil && idle(m.within) }

// unlimited says that there was no quota when everything was read: the kernel
// counts periods only where there is one.
func unlimited(m *Meter) bool { return m.said.Periods == 0 }

func swapless(m *Meter) bool { return m.swapless && m.said.Swap == 0 }

// settled is within which time what somebody waited is found in the averages of
// all groups that he is in: the kernel brings each up to date every 2 s.
const settled = 5 * time.Second

// calm says that a pressure still is the 0 that it was: that was read when
// nobody in the group above had waited for a while, nor has anybody since.
func calm(kind int) func(*Meter) bool {
	return func(m *Meter) bool {
		w := m.within
		return w != nil && *m.pressure(kind) == Pressure{} && !w.stirred[kind].IsZero() && m.asked[kind].Sub(w.stirred[kind]) > settled
	}
}

func press(kind int) func(*Meter, []byte) {
	return func(m *Meter, text []byte) {
		*m.pressure(kind) = pressure(text)
		m.asked[kind] = m.now
		if waited := waited(text); waited != m.waited[kind] || m.stirred[kind].IsZero() {
			m.waited[kind], m.stirred[kind] = waited, m.now
		}
	}
}

func in(learn func(*Usage, []byte)) func(*Meter, []byte) {
	return func(m *Meter, text []byte) { learn(&m.said, text) }
}

func set(field func(*Usage) *int64) func(*Meter, []byte) {
	return func(m *Meter, text []byte) {
		if n, ok := number(text); ok {
			*field(&m.said) = n
		}
	}
}

func learnCPU(u *Usage, text []byte) {
	u.CPU = micro(flat(text, "usage_usec"))
	u.User = micro(flat(text, "user_usec"))
	u.System = micro(flat(text, "system_usec"))
	if n := flat(text, "nr_periods"); n >= 0 { // else the controller is v1's, if anybody's
		u.Periods = n
		u.Hits = flat(text, "nr_throttled")
		u.Throttled = micro(flat(text, "throttled_usec"))
	}
}

func micro(n int64) time.Duration {
	if n < 0 {
		return -1
	}
	return time.Duration(n) * time.Microsecond
}

func learnTotal(u *Usage, text []byte) {
	if n, ok := number(text); ok {
		u.CPU = time.Duration(n)
	}
}

func learnUser(u *Usage, text []byte) {
	if n, ok := number(text); ok {
		u.User = time.Duration(n)
	}
}

func learnSystem(u *Usage, text []byte) {
	if n, ok := number(text); ok {
		u.System = time.Duration(n)
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
