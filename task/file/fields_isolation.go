package file

import "github.com/dewarhq/dewar/task"

var isolations = structure[task.Isolation]{
	name:  "an isolation",
	doc:   "Walls around a task, beyond its control group. They take root and the program dewar-container.",
	empty: task.DefaultIsolation,
	rows: []row[task.Isolation]{
		field("pid", choice(task.Scopes), func(i *task.Isolation) *task.Scope { return &i.PID }, "private: a run sees only itself and what it has started, which ends with it."),
		field("tmp", choice(task.Scopes), func(i *task.Isolation) *task.Scope { return &i.Tmp }, "private: a /tmp of the task's own, which ends with it."),
		field("shm", choice(task.Scopes), func(i *task.Isolation) *task.Scope { return &i.Shm }, "private: a /dev/shm of the task's own, which ends with it."),
		field("ipc", choice(task.Scopes), func(i *task.Isolation) *task.Scope { return &i.IPC }, "private: System V IPC and message queues of the task's own."),
		field("uts", choice(task.Scopes), func(i *task.Isolation) *task.Scope { return &i.UTS }, "private: a host name of the task's own."),
		field("hostname", text, func(i *task.Isolation) *string { return &i.Hostname }, "The host name, with uts: private. Default: the machine's."),
		field("network", choice(task.Networks), func(i *task.Isolation) *task.Network { return &i.Network }, "host: the machine's network. none: a loopback device and nothing else."),
		field("read_only", listOf(text), func(i *task.Isolation) *[]string { return &i.ReadOnly }, "Absolute paths that cannot be written to."),
		field("hidden", listOf(text), func(i *task.Isolation) *[]string { return &i.Hidden }, "Absolute paths at which nothing can be seen."),
		field("rootfs", text, func(i *task.Isolation) *string { return &i.RootFS }, "Absolute path of a directory, or of a .tar, that becomes the task's root. Default: the machine's."),
		field("volumes", listOf(volumes.kind()), func(i *task.Isolation) *[]task.Volume { return &i.Volumes }, "Files and directories of the machine that are shown inside."),
		field("capabilities", listOf(choice(task.Capabilities)), func(i *task.Isolation) *[]string { return &i.Capabilities }, "Capabilities that the processes have, as in CAP_NET_BIND_SERVICE. Default: Docker's for root, none for others."),
		field("seccomp", choice(task.Seccomps), func(i *task.Isolation) *task.Seccomp { return &i.Seccomp }, "default: the system calls of runc's default profile. none: all."),
	},
}

var volumes = structure[task.Volume]{
	name:  "a volume",
	doc:   "A file or directory of the machine that is shown inside.",
	empty: zero[task.Volume],
	rows: []row[task.Volume]{
		field("source", text, func(v *task.Volume) *string { return &v.Source }, "Absolute path on the machine.").must(),
		field("target", text, func(v *task.Volume) *string { return &v.Target }, "Absolute path in the task.").must(),
		field("read_only", boolean, func(v *task.Volume) *bool { return &v.ReadOnly }, "It cannot be written to."),
	},
}
