package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/task"
)

// inspectedFile is what `dewar inspect FILE --json` prints.
type inspectedFile struct {
	Task   task.Task        `json:"task"`
	Ports  []string         `json:"ports"` // names of the ports that a launch binds
	Checks []inspectedCheck `json:"checks"`
}

// inspectedTask is what `dewar inspect TASK --json` prints.
type inspectedTask struct {
	Launch *task.Launch     `json:"launch"`
	Status show.Status      `json:"status"`
	Checks []inspectedCheck `json:"checks"`
}

func (a *app) inspectCommand() *cobra.Command {
	var name string
	var bind []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect FILE|TASK",
		Short: "Show everything about a task: from its file, or as launched",
		Long: `Inspect shows the task of a FILE as it would be launched, with every default
filled in, and how late its checks see a hang; nothing is started. Of a TASK it shows what was launched and all that
is known of its runs. The environment that a task was launched with
(--preserve-env) is shown with --json only.`,
		Args: between(1, 1, "a FILE or a TASK"),
		RunE: func(c *cobra.Command, args []string) error {
			if isFile(args[0]) {
				return a.inspectFile(args[0], name, bind, asJSON)
			}
			return a.inspectTask(args[0], asJSON)
		},
	}
	c.Flags().StringVar(&name, "task", "", "which of several tasks in the file")
	c.Flags().StringArrayVar(&bind, "bind", nil, "value of a template variable, as profile.size=3")
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) inspectFile(path, name string, bind []string, asJSON bool) error {
	e, err := checkFile(path, name, bind)
	if err != nil {
		return err
	}
	if asJSON {
		ports := e.Ports
		if ports == nil {
			ports = []string{}
		}
		return a.json(inspectedFile{e.Task, ports, checksOf(&e.Task)})
	}
	if len(e.Ports) > 0 {
		if err := a.print("# ports that a launch binds: %v\n", e.Ports); err != nil {
			return err
		}
	}
	if err := a.checks(&e.Task); err != nil {
		return err
	}
	return a.yaml(e.Task)
}

func (a *app) inspectTask(arg string, asJSON bool) error {
	v, err := a.view(arg)
	if err != nil {
		return a.neither(arg, err)
	}
	now := observer.Now()
	s := show.Of(v, time.Unix(0, now.Wall))
	if asJSON {
		checks := []inspectedCheck{}
		if v.Launch != nil {
			checks = checksOf(&v.Launch.Task)
		}
		return a.json(inspectedTask{v.Launch, s, checks})
	}
	if err := a.print("%s%s", s.Text(now), show.Runs(s.Processes, now)); err != nil {
		return err
	}
	if v.Launch == nil {
		return nil
	}
	if err := a.print("\n# as launched\n"); err != nil {
		return err
	}
	if err := a.checks(&v.Launch.Task); err != nil {
		return err
	}
	return a.yaml(v.Launch.Task)
}

// yaml prints v as YAML, with the names that it has in JSON.
func (a *app) yaml(v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		text, err = yaml.JSONToYAML(text)
	}
	if err != nil {
		return fmt.Errorf("print YAML: %w", err)
	}
	return a.print("%s", text)
}
