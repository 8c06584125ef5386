package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// answer is what `dewar why --json` prints.
type answer struct {
	ID      string            `json:"id"`
	Process string            `json:"process,omitempty"`
	State   machine.TaskState `json:"state"` // of the task
	Trouble []string          `json:"trouble"`
	Causes  []string          `json:"causes"` // the nearest first
	Tails   []show.Tail       `json:"tails"`  // what runs that failed said last
}

func (a *app) whyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "why TASK [PROCESS]",
		Short: "Say why a task, or a process, is as it is",
		Long: `Why tells the chain of causes, from the journal: which rule, which run, how it
ended, and what it said last on stderr.`,
		Args: between(1, 2, "TASK [PROCESS]"),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := a.view(args[0])
			if err != nil {
				return err
			}
			process := ""
			if len(args) == 2 {
				process = args[1]
			}
			return a.why(v, process, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) why(v *observer.View, process string, asJSON bool) error {
	if process != "" {
		if err := knows(v, process); err != nil {
			return misuse(err)
		}
	}
	out := answer{
		ID: v.ID, Process: process, State: v.State.State, Trouble: show.Trouble(v, time.Now()),
		Causes: v.Why(observer.Now(), process), Tails: show.Tails(v.State, process),
	}
	if process == "" {
		out.Causes = append(out.Causes, show.Surroundings(v)...)
	}
	if asJSON {
		return a.json(out)
	}
	return a.print("%s", show.Why(out.ID, out.Trouble, out.Causes, out.Tails))
}

// knows is nil if the task has a process of that name.
func knows(v *observer.View, process string) error {
	var names []string
	for _, p := range v.State.Processes {
		if p.Name == process {
			return nil
		}
		names = append(names, p.Name)
	}
	hint := ""
	if near := task.Nearest(process, names); near != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", task.Quote(near))
	}
	return fmt.Errorf("task %s has no process %s%s", v.ID, task.Quote(process), hint)
}
