package launch

import (
	"maps"

	"github.com/dewarhq/dewar/task"
)

// Compare says how an order differs from a task that was launched, one line
// for each difference (see task.Diff). What the order does not say, ports and
// bindings, is as it was at the launch.
func Compare(o Order, l task.Launch) ([]string, error) {
	given := task.Launch{
		ID: l.ID, Instance: l.Instance, Hostname: l.Hostname,
		Ports: maps.Clone(l.Ports), Bindings: maps.Clone(l.Bindings),
	}
	if given.Ports == nil {
		given.Ports = map[string]int{}
	}
	if given.Bindings == nil {
		given.Bindings = map[string]string{}
	}
	maps.Copy(given.Ports, o.Ports)
	maps.Copy(given.Bindings, o.Bindings)
	t, err := o.bind(given.All())
	if err != nil {
		return nil, err
	}
	diff := task.Diff(l.Task, t)
	if o.User != "" {
		user, err := whoRuns(t, o.User)
		if err != nil {
			return nil, err
		}
		if user != l.User {
			diff = append(diff, "user: "+l.User+" → "+user)
		}
	}
	return diff, nil
}
