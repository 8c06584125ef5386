package sandbox

import (
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/task"
)

// CommandBudget is what each command of the executor's in the task's place (an
// exec check, a pre_stop, a capture) may use, in a group beside the task's: it is
// not the task's to pay. It is enough for a small JVM.
func CommandBudget() task.Resources {
	return task.Resources{CPU: 0.1, CPUHard: 1, RAM: 256 << 20, Pids: 128}
}

// CommandLimits is the budget in the words of a group. Nobody asked for any of it.
func CommandLimits(dir task.Dir) cgroup.Limits {
	l := Limits(CommandBudget(), task.Resources{}, dir)
	for _, what := range []cgroup.What{cgroup.CPU, cgroup.CPUHard, cgroup.RAM} {
		l.Defaults[what] = true
	}
	return l
}
