package main

import (
	"strings"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/task"
)

// inspectedCheck is what `dewar inspect --json` says of each check beyond its
// fields.
type inspectedCheck struct {
	Process   string          `json:"process,omitempty"` // absent: the task's own
	Check     string          `json:"check"`
	Unhealthy task.Detection  `json:"unhealthy_after"` // at the latest
	Budget    *task.Resources `json:"budget,omitempty"`
}

// checksOf are the checks of a task with what follows from their fields.
func checksOf(t *task.Task) []inspectedCheck {
	found := []inspectedCheck{}
	for process, c := range t.AllChecks() {
		i := inspectedCheck{Process: process, Check: c.Name, Unhealthy: c.Detection()}
		if c.Shell != "" || len(c.Argv) > 0 {
			budget := sandbox.CommandBudget()
			i.Budget = &budget
		}
		found = append(found, i)
	}
	return found
}

// checks prints, as comments before YAML, how late a hang is seen; nothing for a
// task without checks.
func (a *app) checks(t *task.Task) error {
	checks := checksOf(t)
	if len(checks) == 0 {
		return nil
	}
	text := "A check says unhealthy at the latest so long after its target hangs (HANGS), or\n" +
		"after the first attempt, if its target is never well (START). While the machine\n" +
		"is too busy for a fair attempt it can be BUSY later.\n"
	rows, commands := show.Table{{"CHECK", "HANGS", "START", "BUSY"}}, ""
	for _, c := range checks {
		name := c.Check
		if c.Process != "" {
			name = c.Process + "/" + name
		}
		rows = append(rows, []string{name, c.Unhealthy.Running.String(), c.Unhealthy.Start.String(), "+" + c.Unhealthy.Starved.String()})
		if b := c.Budget; b != nil {
			commands = "Commands of checks are not the task's expense: each has " + b.RAM.String() + " of memory.\n"
		}
	}
	text += rows.String() + commands
	return a.print("# %s\n", strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n# "))
}
