package usage

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"time"

	"github.com/shirou/gopsutil/v3/process"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
)

// unknown is a reading of which nothing is known.
func unknown() cgroup.Usage {
	none := cgroup.Pressure{Some: -1, Full: -1}
	return cgroup.Usage{
		Memory: -1, MemoryPeak: -1, MemoryLimit: -1, Swap: -1, Pids: -1, PidsLimit: -1, IORead: -1, IOWrite: -1,
		PressureCPU: none, PressureMemory: none, PressureIO: none,
	}
}

// fromProcesses adds up what lives of each run's tree. All processes of the
// machine are looked at once: the kernel may list no children.
func (s *Sample) fromProcesses(v *observer.View) error {
	mains := live(v)
	s.Task = Reading{Usage: unknown()}
	if len(mains) == 0 {
		return nil
	}
	table, err := stats()
	if err != nil {
		return err
	}
	var all []Reading
	for i := range v.State.Processes {
		name := v.State.Processes[i].Name
		main, lives := mains[name]
		if !lives {
			continue
		}
		r := readAll(members(table, main))
		all = append(all, r)
		s.Processes = append(s.Processes, Process{name, r})
	}
	s.Task = sum(all)
	return nil
}

// stats are all processes of the machine that live.
func stats() ([]shim.Stat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("look at the machine's processes: %w", err)
	}
	var all []shim.Stat
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if st, err := shim.ReadStat(pid); err == nil && !st.Dead() { // else it has just gone
				all = append(all, st)
			}
		}
	}
	return all, nil
}

// members are the process main, what descends from it, and what else is in the
// session that it leads. There are none if main has gone.
func members(table []shim.Stat, main identity) []identity {
	children := map[int][]shim.Stat{}
	there := false
	for _, st := range table {
		children[st.Ppid] = append(children[st.Ppid], st)
		there = there || st.Pid == main.pid && st.Start == main.start
	}
	if !there {
		return nil
	}
	todo, seen := []identity{main}, map[identity]bool{main: true}
	add := func(st shim.Stat) {
		if id := (identity{st.Pid, st.Start}); !seen[id] {
			seen[id] = true
			todo = append(todo, id)
		}
	}
	for _, st := range table {
		if st.Sid == main.pid {
			add(st)
		}
	}
	for i := 0; i < len(todo); i++ {
		for _, child := range children[todo[i].pid] {
			add(child)
		}
	}
	return todo
}

// readAll reads and adds up some processes. One that goes meanwhile is left out.
func readAll(ids []identity) Reading {
	r := Reading{each: map[identity]cgroup.Usage{}}
	for _, id := range ids {
		if u, err := readOne(id); err == nil {
			r.each[id] = u
		}
	}
	return r.added()
}

func readOne(id identity) (cgroup.Usage, error) {
	u := unknown()
	p := &process.Process{Pid: int32(id.pid)}
	times, err := p.Times()
	if err != nil {
		return u, err
	}
	u.User = time.Duration(times.User * float64(time.Second))
	u.System = time.Duration(times.System * float64(time.Second))
	u.CPU = u.User + u.System
	memory, err := p.MemoryInfo()
	if err != nil {
		return u, err
	}
	u.Memory, u.Swap = int64(memory.RSS), int64(memory.Swap)
	threads, err := p.NumThreads()
	if err != nil {
		return u, err
	}
	u.Pids = int64(threads)
	if io, err := p.IOCounters(); err == nil { // only its own user may know
		u.IORead, u.IOWrite = int64(io.ReadBytes), int64(io.WriteBytes)
	}
	return u, nil
}

// sum adds up readings of processes.
func sum(all []Reading) Reading {
	r := Reading{each: map[identity]cgroup.Usage{}}
	for _, one := range all {
		maps.Copy(r.each, one.each)
	}
	return r.added()
}

// added fills in the sums over each. What is known of nobody stays unknown.
func (r Reading) added() Reading {
	r.Usage = unknown()
	for _, u := range r.each {
		r.CPU += u.CPU
		r.User += u.User
		r.System += u.System
		plus(&r.Memory, u.Memory)
		plus(&r.Swap, u.Swap)
		plus(&r.Pids, u.Pids)
		plus(&r.IORead, u.IORead)
		plus(&r.IOWrite, u.IOWrite)
	}
	return r
}

func plus(to *int64, n int64) {
	if n >= 0 {
		*to = max(*to, 0) + n
	}
}
