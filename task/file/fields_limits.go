package file

import (
	"slices"

	"github.com/dewarhq/dewar/task"
)

var resources = structure[task.Resources]{
	name:  "resources",
	doc:   "Limits. One that was asked for and cannot be applied is a failure to start. All but disk and gpu take control groups.",
	empty: zero[task.Resources],
	rows: []row[task.Resources]{
		field("cpu", positive(number), func(r *task.Resources) *float64 { return &r.CPU }, "CPUs; fractions are allowed. A weight: when there is not enough for all, who has asked for more gets more."),
		field("cpu_hard", hardCPUs, func(r *task.Resources) *float64 { return &r.CPUHard }, "CPUs, at least 0.01: no more even if the machine is idle. true: as many as cpu."),
		field("ram", positive(size), func(r *task.Resources) *task.Size { return &r.RAM }, "Memory, as bytes or as in 128MB. Beyond it the kernel kills; see oom."),
		field("ram_soft", positive(size), func(r *task.Resources) *task.Size { return &r.RAMSoft }, "Memory beyond which the kernel slows the processes down and reclaims; less than ram."),
		field("swap", atLeastZero(size), func(r *task.Resources) *task.Size { return &r.Swap }, "Swap beside ram, which it needs. Default: none."),
		field("pids", positive(integer(1)), func(r *task.Resources) *int { return &r.Pids }, "Processes and threads at one time. Default: 4096 for a task, no limit of its own for a process."),
		field("io", optional(ios.kind()), func(r *task.Resources) **task.IO { return &r.IO }, "Traffic with block devices."),
		field("cpuset", text, func(r *task.Resources) *string { return &r.CPUSet }, "The CPUs it may run on, as in 0-3,7. Default: all."),
		field("disk", positive(size), func(r *task.Resources) *task.Size { return &r.Disk }, "Disk for the sandbox and the logs in it, as bytes or as in 128MB; see disk_action."),
		field("gpu", integer(0), func(r *task.Resources) *int { return &r.GPU }, "Whole GPUs. For schedulers; nothing here keeps a task off a GPU."),
	},
}

var ios = structure[task.IO]{
	name:  "io",
	doc:   "Limits of the traffic with block devices.",
	empty: zero[task.IO],
	rows: []row[task.IO]{
		field("weight", positive(integer(1)), func(io *task.IO) *int { return &io.Weight }, "1 to 10000; who has more gets more of a busy device. The kernel's default is 100."),
		field("read", positive(size), func(io *task.IO) *task.Size { return &io.Read }, "Bytes a second read from the device that the sandbox is on, as in 10MB."),
		field("write", positive(size), func(io *task.IO) *task.Size { return &io.Write }, "Bytes a second written to the device that the sandbox is on, as in 10MB."),
	},
}

// withAttributes adds the fields that a task and a process share.
func withAttributes[S any](in func(*S) *task.Attributes, rows ...row[S]) []row[S] {
	return slices.Concat(rows, []row[S]{
		field("rlimits", rlimits, func(s *S) *map[string]task.Rlimit { return &in(s).Rlimits }, "Resource limits, setrlimit(2), by name, as in {nofile: 4096, core: unlimited, stack: {soft: 8MB, hard: unlimited}}. A process' win over the task's."),
		field("nice", optional(signed(-20, 19)), func(s *S) **int { return &in(s).Nice }, "-20 to 19, the lowest priority. Default: 0. Below 0 takes root. A process' wins over the task's."),
		field("oom_score_adj", optional(signed(-1000, 1000)), func(s *S) **int { return &in(s).OOMScoreAdj }, "-1000 to 1000, the first to be killed when the machine is out of memory. Default: 100. Below what whoever starts the task has takes root. A process' wins over the task's."),
		field("umask", optional(umask), func(s *S) **task.Umask { return &in(s).Umask }, "Permissions that new files do not get, in octal digits, as in 027. Default: 022. A process' wins over the task's."),
	})
}
