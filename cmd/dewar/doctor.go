package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/doctor"
	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/sandbox/container"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine has for tasks, and what to do about what it lacks",
		Long: `Doctor tells one fact a line: control groups, what the kernel can do, limits, the
clock, Dewar's own programs, and the place of the tasks. Below a fact that is not
well it says what to do. It changes nothing.

Exit status: 1 if a task could not be started, or not be contained, here.`,
		Args: between(0, 0, "no argument"),
		RunE: func(c *cobra.Command, args []string) error {
			root, err := a.tasksRoot()
			if err != nil {
				return err
			}
			facts := doctor.Look(doctor.Options{Root: root, Programs: a.ownPrograms(), Version: version})
			if err := a.tellFacts(facts, asJSON); err != nil {
				return err
			}
			if doctor.Sick(facts) {
				return silent(exitFailed)
			}
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) ownPrograms() doctor.Programs {
	p, err := a.programs()
	out := doctor.Programs{Shim: p.Shim, Brain: p.Brain, Container: a.containerProgram(), Err: err}
	out.WallsErr = container.Available(out.Container)
	return out
}

// tellFacts prints facts: with --json one object a line.
func (a *app) tellFacts(facts []doctor.Fact, asJSON bool) error {
	if asJSON {
		for _, f := range facts {
			if err := a.json(f); err != nil {
				return err
			}
		}
		return nil
	}
	var rows show.Table
	for _, f := range facts {
		rows = append(rows, []string{string(f.State), f.Name, f.Said})
	}
	lines := strings.SplitAfter(rows.String(), "\n")
	var b strings.Builder
	for i, f := range facts {
		b.WriteString(lines[i])
		if f.Remedy != "" {
			b.WriteString("      → " + show.Printable(f.Remedy) + "\n")
		}
	}
	return a.print("%s", b.String())
}
