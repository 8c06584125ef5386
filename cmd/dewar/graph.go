package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/task/file"
)

// graph is what `dewar graph --json` prints.
type graph struct {
	Name      string      `json:"name"`
	Processes []graphNode `json:"processes"`
	Edges     []show.Edge `json:"edges"`
}

type graphNode struct {
	Name      string `json:"name"`
	Final     bool   `json:"final,omitempty"`
	Daemon    bool   `json:"daemon,omitempty"`
	Ephemeral bool   `json:"ephemeral,omitempty"`
	State     string `json:"state,omitempty"`
}

func (a *app) graphCommand() *cobra.Command {
	var name string
	var bind []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "graph FILE|TASK",
		Short: "Draw a task as a graph, in Graphviz' language",
		Args:  between(1, 1, "a FILE or a TASK"),
		RunE: func(c *cobra.Command, args []string) error {
			t, states, err := a.drawn(args[0], name, bind)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(graphOf(t, states))
			}
			return a.print("%s", show.Dot(t, states))
		},
	}
	c.Flags().StringVar(&name, "task", "", "which of several tasks in the file")
	c.Flags().StringArrayVar(&bind, "bind", nil, "value of a template variable, as profile.size=3")
	jsonFlag(c, &asJSON)
	return c
}

// drawn is the task of a file, or one that was launched, with the states of
// its processes.
func (a *app) drawn(arg, name string, bind []string) (task.Task, map[string]string, error) {
	if isFile(arg) {
		e, err := checkFile(arg, name, bind)
		return e.Task, nil, err
	}
	v, err := a.view(arg)
	if err != nil {
		return task.Task{}, nil, a.neither(arg, err)
	}
	if v.Launch == nil {
		return task.Task{}, nil, v.Quarantine
	}
	states := map[string]string{}
	for _, p := range v.State.Processes {
		states[p.Name] = string(p.State)
	}
	return v.Launch.Task, states, nil
}

// checkFile is the task of a file, with what only a launch binds unbound.
func checkFile(path, name string, bind []string) (file.Entry, error) {
	bindings, err := parseBindings(bind)
	if err != nil {
		return file.Entry{}, misuse(err)
	}
	f, err := parseFile(path)
	if err != nil {
		return file.Entry{}, err
	}
	contents, err := f.Check(bindings)
	if err != nil {
		return file.Entry{}, misuse(err)
	}
	e, err := contents.Pick(name)
	if err != nil {
		return file.Entry{}, misuse(fmt.Errorf("%s: %w", path, err))
	}
	return *e, nil
}

func graphOf(t task.Task, states map[string]string) graph {
	g := graph{Name: t.Name, Processes: []graphNode{}, Edges: show.Edges(t)}
	for _, p := range t.Processes {
		g.Processes = append(g.Processes, graphNode{p.Name, p.Final, p.Daemon, p.Ephemeral, states[p.Name]})
	}
	return g
}
