package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
)

func (a *app) resizeCommand() *cobra.Command {
	var asJSON bool
	limits := &task.Resources{}
	c := &cobra.Command{
		Use:   "resize TASK [PROCESS]",
		Short: "Change the limits of a task, or of a process, while it runs",
		Long: `Resize changes the limits that are named and leaves the others as they are. A
process is bounded by its own limits and by the task's. Limits that the kernel
refuses, or that are below what is used, are not changed, and the reason is said.
It returns when the others are in force. What was changed is in the task's
journal, and survives the death of Dewar's own programs.

Sizes are as in task files: 1048576, 128MB, 1.5GB.`,
		Args: between(1, 2, "TASK [PROCESS]"),
		RunE: func(c *cobra.Command, args []string) error {
			process := strings.Join(args[1:], "")
			if err := checkLimits(process, limits); err != nil {
				return misuse(err)
			}
			request := control.Resize{Process: process, Limits: *limits}
			what := asked{Process: process, Asked: "resize", Done: true, Limits: limits}
			return a.drive(c.Context(), args[0], control.PathResize, request, what, asJSON)
		},
	}
	addLimits(c.Flags(), limits)
	jsonFlag(c, &asJSON)
	return c
}

// addLimits gives a verb a flag for each limit.
func addLimits(f *pflag.FlagSet, r *task.Resources) {
	io := func() *task.IO {
		if r.IO == nil {
			r.IO = &task.IO{}
		}
		return r.IO
	}
	add := func(name, kind, usage string, set func(string) error) {
		f.Var(&limit{kind: kind, set: set}, name, usage)
	}
	add("cpu", "cpus", "CPUs, a weight: who has asked for more gets more when there is not enough", cpuLimit(&r.CPU))
	add("cpu-hard", "cpus", "CPUs: no more even if the machine is idle; true: as many as --cpu", hardLimit(&r.CPUHard))
	add("ram", "size", "memory beyond which the kernel kills", byteLimit(func() *task.Size { return &r.RAM }))
	add("ram-soft", "size", "memory beyond which the kernel slows down and reclaims", byteLimit(func() *task.Size { return &r.RAMSoft }))
	add("swap", "size", "swap beside ram", byteLimit(func() *task.Size { return &r.Swap }))
	add("pids", "number", "processes and threads at one time", countLimit(func() *int { return &r.Pids }))
	add("io-weight", "number", "1 to 10000: who has more gets more of a busy device", countLimit(func() *int { return &io().Weight }))
	add("io-read", "size", "bytes a second read from the sandbox's device", byteLimit(func() *task.Size { return &io().Read }))
	add("io-write", "size", "bytes a second written to the sandbox's device", byteLimit(func() *task.Size { return &io().Write }))
	add("cpuset", "cpus", "the CPUs it may run on, as 0-3,7", func(text string) error {
		_, err := task.ParseCPUSet(text)
		r.CPUSet = text
		return err
	})
	add("disk", "size", "disk for the sandbox and the logs in it; of a task only", byteLimit(func() *task.Size { return &r.Disk }))
}

// limit is a flag that sets one limit.
type limit struct {
	kind string
	text string
	set  func(string) error
}

func (l *limit) Type() string   { return l.kind }
func (l *limit) String() string { return l.text }

func (l *limit) Set(text string) error {
	l.text = text
	return l.set(text)
}

func cpuLimit(to *float64) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n > 0 && n < 1<<20) {
			return fmt.Errorf("%s is not a number of CPUs, as 0.5 or 2", task.Quote(text))
		}
		*to = n
		return nil
	}
}

func hardLimit(to *float64) func(string) error {
	return func(text string) error {
		if text == "true" {
			*to = task.HardAsCPU
			return nil
		}
		return cpuLimit(to)(text)
	}
}

func byteLimit(to func() *task.Size) func(string) error {
	return func(text string) error {
		n, err := task.ParseSize(text)
		if err != nil {
			return err
		}
		if n <= 0 {
			return fmt.Errorf("%s is not a limit: a limit can be changed while a task runs, but not taken away", task.Quote(text))
		}
		*to() = n
		return nil
	}
}

func countLimit(to func() *int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return fmt.Errorf("%s is not a whole number above 0", task.Quote(text))
		}
		*to() = n
		return nil
	}
}

// checkLimits says what is wrong with the request by itself. How it goes together
// with the limits of now is the brain's to say.
func checkLimits(process string, r *task.Resources) error {
	if *r == (task.Resources{}) {
		return errors.New("resize wants at least one limit, as --ram 512MB; see dewar help resize")
	}
	if process != "" && r.Disk > 0 {
		return errors.New("disk is a limit of the task's, not of a process")
	}
	return nil
}
