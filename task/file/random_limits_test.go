package file

import (
	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/task"
)

// amounts are limits of a task that have no problems.
func amounts() *rapid.Generator[*task.Resources] {
	return rapid.Ptr(rapid.Custom(func(t *rapid.T) task.Resources {
		r := task.Resources{
			CPU:    rapid.Float64Range(0, 1000).Draw(t, "cpu"),
			RAM:    sizes(4096).Draw(t, "ram"),
			Swap:   sizes(0).Draw(t, "swap"),
			Disk:   sizes(0).Draw(t, "disk"),
			GPU:    rapid.IntRange(0, 3).Draw(t, "gpu"),
			Pids:   rapid.IntRange(0, 1<<22).Draw(t, "pids"),
			CPUSet: rapid.SampledFrom([]string{"", "0", "0-3,7", "12-8191"}).Draw(t, "cpuset"),
		}
		if rapid.Bool().Draw(t, "hard") {
			r.CPUHard = max(0.01, r.CPU) * rapid.Float64Range(1, 8).Draw(t, "factor")
		}
		if soft := sizes(4096).Draw(t, "ram soft"); soft < r.RAM {
			r.RAMSoft = soft
		}
		if rapid.Bool().Draw(t, "io") {
			r.IO = &task.IO{Weight: rapid.IntRange(0, 10000).Draw(t, "weight"), Read: sizes(0).Draw(t, "read"), Write: sizes(0).Draw(t, "write")}
		}
		return r
	}), true)
}

// shares are limits of a process inside a task's.
func shares(whole task.Resources) *rapid.Generator[*task.Resources] {
	return rapid.Map(amounts(), func(r *task.Resources) *task.Resources {
		if r == nil {
			return nil
		}
		r.CPU, r.CPUHard = inside(r.CPU, whole.CPU), inside(r.CPUHard, whole.CPUHard)
		r.RAM, r.RAMSoft = inside(r.RAM, whole.RAM), inside(r.RAMSoft, whole.RAMSoft)
		r.Swap, r.Disk = min(r.Swap, whole.Swap), inside(r.Disk, whole.Disk)
		r.Pids, r.GPU = inside(r.Pids, whole.Pids), inside(r.GPU, whole.GPU)
		if r.CPUHard < r.CPU {
			r.CPUHard = 0
		}
		if r.RAM > 0 && r.RAMSoft >= r.RAM {
			r.RAMSoft = 0
		}
		if r.IO != nil && whole.IO != nil {
			r.IO.Read, r.IO.Write = inside(r.IO.Read, whole.IO.Read), inside(r.IO.Write, whole.IO.Write)
		}
		if whole.CPUSet != "" {
			r.CPUSet = whole.CPUSet
		}
		return r
	})
}

func inside[T int | float64 | task.Size](own, whole T) T {
	if whole == 0 {
		return own
	}
	return min(own, whole)
}

func sizes(least int64) *rapid.Generator[task.Size] {
	return rapid.Map(rapid.Int64Range(least, 1<<60), func(n int64) task.Size { return task.Size(n) })
}

func attributes() *rapid.Generator[task.Attributes] {
	bounds := rapid.OneOf(rapid.Uint64(), rapid.Just(task.Unlimited), rapid.Uint64Range(0, 9))
	return rapid.Custom(func(t *rapid.T) task.Attributes {
		a := task.Attributes{
			Nice:        rapid.Ptr(rapid.IntRange(-20, 19), true).Draw(t, "nice"),
			OOMScoreAdj: rapid.Ptr(rapid.IntRange(-1000, 1000), true).Draw(t, "oom score"),
			Umask:       rapid.Ptr(rapid.Map(rapid.IntRange(0, 0o777), func(n int) task.Umask { return task.Umask(n) }), true).Draw(t, "umask"),
		}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(task.RlimitNames), 0, 3, rapid.ID).Draw(t, "rlimits") {
			if a.Rlimits == nil {
				a.Rlimits = map[string]task.Rlimit{}
			}
			one, other := bounds.Draw(t, "one"), bounds.Draw(t, "other")
			if name == "nofile" {
				one, other = one>>1, other>>1
			}
			a.Rlimits[name] = task.Rlimit{Soft: min(one, other), Hard: max(one, other)}
		}
		return a
	})
}

func isolationsAtRandom() *rapid.Generator[*task.Isolation] {
	scopes := rapid.SampledFrom(task.Scopes)
	return rapid.Ptr(rapid.Custom(func(t *rapid.T) task.Isolation {
		i := task.Isolation{
			PID: scopes.Draw(t, "pid"), Tmp: scopes.Draw(t, "tmp"), Shm: scopes.Draw(t, "shm"),
			IPC: scopes.Draw(t, "ipc"), UTS: scopes.Draw(t, "uts"),
			Network: rapid.SampledFrom(task.Networks).Draw(t, "network"),
			Seccomp: rapid.SampledFrom(task.Seccomps).Draw(t, "seccomp"),
			RootFS:  rapid.SampledFrom([]string{"", "/r", "/a b.tar"}).Draw(t, "rootfs"),
		}
		if i.UTS == task.Private {
			i.Hostname = rapid.SampledFrom([]string{"", "h", "a.b-1"}).Draw(t, "hostname")
		}
		if rapid.Bool().Draw(t, "capabilities") {
			i.Capabilities = rapid.SliceOfNDistinct(rapid.SampledFrom(task.Capabilities), 0, 3, rapid.ID).Draw(t, "names")
		}
		for n, path := range rapid.SliceOfNDistinct(rapid.StringMatching(`/[a-zé{} ]{1,9}`), 0, 6, rapid.ID).Draw(t, "paths") {
			switch {
			case path == "/tmp" || path == "/proc" || path == "/sys":
			case n%3 == 0:
				i.Volumes = append(i.Volumes, task.Volume{Source: "/x" + path, Target: path, ReadOnly: n%2 == 0})
			case n%3 == 1:
				i.Hidden = append(i.Hidden, path)
			default:
				i.ReadOnly = append(i.ReadOnly, path)
			}
		}
		return i
	}), true)
}
