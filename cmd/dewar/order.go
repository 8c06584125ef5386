package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/task/file"
)

// orderFlags are the flags that run and simplerun have in common.
type orderFlags struct {
	id       string
	task     string
	ports    []string
	bindings []string
	user     string
	preserve bool
	detach   bool
	sync     bool
	json     bool

	isolation isolation
}

func (o *orderFlags) add(c *cobra.Command, taskUsage, taskDefault string) {
	f := c.Flags()
	f.StringVar(&o.id, "task-id", "", "id of the task; default: <name>-<date>-<time>-<4 random>")
	f.StringVar(&o.task, "task", taskDefault, taskUsage)
	f.StringArrayVar(&o.ports, "port", nil, "number of a named port, as http=8080; one that is not given is taken free from the kernel")
	f.StringArrayVar(&o.bindings, "bind", nil, "value of a template variable, as profile.size=3")
	f.StringVar(&o.user, "user", "", "user that the processes run as; default: as the task says, else you")
	f.BoolVar(&o.preserve, "preserve-env", false, "take your environment as the base of the processes' environment")
	f.BoolVar(&o.detach, "detach", false, "start the task, print its id, and leave it alone")
	f.BoolVar(&o.sync, "sync", false, "see every record of the journal to the disk, to survive the machine's death too")
	o.isolation = isolation(launch.IsolationAuto)
	f.Var(&o.isolation, "isolation", "auto: control groups if they can be made here; cgroup: them, or nothing is started; none: no limit is enforced")
	jsonFlag(c, &o.json)
}

// order makes the flags into a launch.Order. All that is wrong with them is
// said at once.
func (o *orderFlags) order() (launch.Order, error) {
	ports, err1 := parsePorts(o.ports)
	bindings, err2 := parseBindings(o.bindings)
	if err := errors.Join(err1, err2); err != nil {
		return launch.Order{}, misuse(err)
	}
	out := launch.Order{ID: o.id, Ports: ports, Bindings: bindings, User: o.user, Sync: o.sync, Isolation: launch.Isolation(o.isolation)}
	if o.preserve {
		out.BaseEnv = environment(os.Environ())
	}
	return out, nil
}

func parsePorts(given []string) (map[string]int, error) {
	ports := map[string]int{}
	var errs []error
	for _, g := range given {
		name, text, found := strings.Cut(g, "=")
		number, err := strconv.Atoi(text)
		switch {
		case !found || name == "":
			errs = append(errs, fmt.Errorf("--port %s: write NAME=NUMBER, as http=8080", task.Quote(g)))
		case err != nil || number < 1 || number > 65535:
			errs = append(errs, fmt.Errorf("--port %s: %s is not a port: a number from 1 to 65535", task.Quote(g), task.Quote(text)))
		case ports[name] != 0:
			errs = append(errs, fmt.Errorf("--port %s: the port was given before", task.Quote(g)))
		default:
			ports[name] = number
		}
	}
	return ports, errors.Join(errs...)
}

func parseBindings(given []string) (map[string]string, error) {
	bindings := map[string]string{}
	var errs []error
	for _, g := range given {
		name, value, found := strings.Cut(g, "=")
		_, twice := bindings[name]
		switch err := task.CheckBinding(name); {
		case !found:
			errs = append(errs, fmt.Errorf("--bind %s: write NAME=VALUE", task.Quote(g)))
		case err != nil:
			errs = append(errs, fmt.Errorf("--bind %s: %w", task.Quote(g), err))
		case twice:
			errs = append(errs, fmt.Errorf("--bind %s: the name was bound before", task.Quote(g)))
		default:
			bindings[name] = value
		}
	}
	return bindings, errors.Join(errs...)
}

func environment(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, e := range list {
		if name, value, ok := strings.Cut(e, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}

// parseFile reads a file in which a person has written tasks.
func parseFile(path string) (*file.File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, misuse(fmt.Errorf("read the task's file: %w", err))
	}
	f, err := file.Parse(path, text)
	if err != nil {
		return nil, misuse(err)
	}
	return f, nil
}
