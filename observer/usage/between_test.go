package usage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
)

// with is a reading of a group of which only this is known.
func with(change func(*cgroup.Usage)) Reading {
	u := unknown()
	change(&u)
	return Reading{Usage: u}
}

func TestBetween(t *testing.T) {
	idle := with(func(*cgroup.Usage) {})
	nothing := Between(idle, idle, 0)
	figures := func(change func(*Figures)) Figures {
		f := nothing
		f.CPU, f.Read, f.Write = 0, -1, -1
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		before, now Reading
		took        time.Duration
		want        Figures
	}{
		"no earlier sample": {Reading{}, with(func(u *cgroup.Usage) { u.CPU, u.IORead, u.Memory = time.Hour, 5, 7 }), 0,
			func() Figures { f := nothing; f.Memory = 7; return f }()},
		"half a CPU for two seconds": {
			with(func(u *cgroup.Usage) { u.CPU = 10 * time.Second }),
			with(func(u *cgroup.Usage) { u.CPU = 11 * time.Second }), 2 * time.Second,
			figures(func(f *Figures) { f.CPU = 50 })},
		"three CPUs": {
			with(func(u *cgroup.Usage) {}), with(func(u *cgroup.Usage) { u.CPU = 3 * time.Second }), time.Second,
			figures(func(f *Figures) { f.CPU = 300 })},
		"bytes a second": {
			with(func(u *cgroup.Usage) { u.IORead, u.IOWrite = 1000, 0 }),
			with(func(u *cgroup.Usage) { u.IORead, u.IOWrite = 5000, 100 }), 4 * time.Second,
			figures(func(f *Figures) { f.Read, f.Write = 1000, 25 })},
		"a counter that began anew": {
			with(func(u *cgroup.Usage) { u.CPU, u.IORead = time.Hour, 1<<40 }),
			with(func(u *cgroup.Usage) { u.CPU, u.IORead = time.Second/10, 10 }), time.Second,
			figures(func(f *Figures) { f.CPU, f.Read = 10, 10 })},
		"a counter that was not known before": {
			with(func(u *cgroup.Usage) {}), with(func(u *cgroup.Usage) { u.IOWrite = 100 }), time.Second,
			figures(func(f *Figures) { f.Write = 100 })},
		"held back in three of four periods": {
			with(func(u *cgroup.Usage) { u.Periods, u.Hits = 100, 10 }),
			with(func(u *cgroup.Usage) { u.Periods, u.Hits = 140, 40 }), 4 * time.Second,
			figures(func(f *Figures) { f.Throttled = 75 })},
		"a quota, and nothing ran": {
			with(func(u *cgroup.Usage) { u.Periods, u.Hits = 100, 10 }),
			with(func(u *cgroup.Usage) { u.Periods, u.Hits = 100, 10 }), time.Second,
			figures(func(f *Figures) { f.Throttled = 0 })},
		"gauges are as they are": {
			idle, with(func(u *cgroup.Usage) {
				u.Memory, u.MemoryLimit, u.MemoryPeak, u.Pids, u.PidsLimit = 1, 2, 3, 4, 5
				u.PressureIO = cgroup.Pressure{Some: 12.5, Full: 1}
			}), time.Second,
			figures(func(f *Figures) {
				f.Memory, f.MemoryLimit, f.MemoryPeak, f.Pids, f.PidsLimit, f.PressureIO = 1, 2, 3, 4, 5, 12.5
			})},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Between(c.before, c.now, c.took)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Processes come and go: what has gone takes its counters along, what is new
// has used all that it has used since.
func TestBetweenProcesses(t *testing.T) {
	at := func(cpus map[identity]time.Duration) Reading {
		r := Reading{each: map[identity]cgroup.Usage{}}
		for id, cpu := range cpus {
			u := unknown()
			u.CPU, u.Memory, u.IORead, u.Pids = cpu, 100, int64(cpu/time.Second), 1
			r.each[id] = u
		}
		return r.added()
	}
	before := at(map[identity]time.Duration{{1, 10}: 5 * time.Second, {2, 10}: time.Hour, {3, 10}: time.Minute})
	now := at(map[identity]time.Duration{{1, 10}: 6 * time.Second, {3, 99}: time.Second, {4, 99}: 2 * time.Second})
	f := Between(before, now, 2*time.Second)
	if f.CPU != 200 || f.Read != 2 || f.Memory != 300 || f.Pids != 3 {
		t.Errorf("%+v", f)
	}
	if f := Between(before, at(nil), time.Second); f.CPU != 0 || f.Memory != -1 || f.Read != -1 {
		t.Errorf("of nobody: %+v", f)
	}
}

func TestMembers(t *testing.T) {
	stat := func(pid, ppid, sid int, start uint64) shim.Stat {
		return shim.Stat{Pid: pid, Ppid: ppid, Sid: sid, Start: start, State: 'S'}
	}
	table := []shim.Stat{
		stat(1, 0, 1, 1), stat(100, 1, 100, 50), // the shim's child, which leads a session
		stat(101, 100, 100, 51), stat(102, 101, 102, 52), // a child, and its child in a session of its own
		stat(103, 1, 100, 53),                       // forked twice: the session tells
		stat(200, 1, 200, 50), stat(201, 200, 1, 1), // another run
	}
	for name, c := range map[string]struct {
		main identity
		want []identity
	}{
		"a tree":        {identity{100, 50}, []identity{{100, 50}, {101, 51}, {103, 53}, {102, 52}}},
		"has gone":      {identity{300, 50}, nil},
		"another's pid": {identity{100, 49}, nil},
	} {
		if diff := cmp.Diff(c.want, members(table, c.main), cmp.AllowUnexported(identity{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRows(t *testing.T) {
	read := func(cpu time.Duration) Reading { return with(func(u *cgroup.Usage) { u.CPU = cpu }) }
	now := time.Now()
	before := Sample{At: now, Source: FromGroups, Task: read(0), Processes: []Process{{"a", read(0)}, {"gone", read(0)}}}
	after := Sample{At: now.Add(time.Second), Source: FromGroups, Task: read(time.Second),
		Processes: []Process{{"new", read(time.Second / 4)}, {"a", read(time.Second / 2)}}}
	check := func(what string, rows []Row, want map[string]float64) {
		t.Helper()
		if len(rows) != len(want) || rows[0].Process != "" {
			t.Errorf("%s: %+v", what, rows)
		}
		for _, r := range rows {
			if r.CPU != want[r.Process] {
				t.Errorf("%s: %q has %v %% of a CPU, want %v", what, r.Process, r.CPU, want[r.Process])
			}
		}
	}
	check("two samples", Rows(&before, after), map[string]float64{"": 100, "a": 50, "new": 25})
	check("one sample", Rows(nil, after), map[string]float64{"": -1, "a": -1, "new": -1})
	before.Source = FromProcesses
	check("of two sources", Rows(&before, after), map[string]float64{"": -1, "a": -1, "new": -1})
}
