package supervisor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// snooze is the record of a snooze that is asked for. Every one ends, and says
// why it is.
func (b *brain) snooze(r control.Snooze, by string) (machine.Record, error) {
	most := b.MostSnooze
	if most == 0 {
		most = control.MostSnooze
	}
	id, err := b.checkNamed(r.Check)
	switch {
	case err != nil:
		return nil, err
	case r.For <= 0:
		return nil, errors.New("a snooze must end: say for how long it is to be")
	case r.For > most:
		return nil, fmt.Errorf("checks may be snoozed for %s at the most, not for %s", most, r.For)
	case strings.TrimSpace(r.Reason) == "":
		return nil, errors.New("a snooze needs a reason, for those who find it")
	}
	until := now()
	until.Boot += int64(r.For)
	until.Wall += int64(r.For)
	return machine.Snoozed{Process: id.Process, Check: id.Check, Until: until, By: by, Reason: brief(r.Reason)}, nil
}

// checkNamed is the check that a person calls "web/live", or "live" if no other
// has that name; "web" is all of that process, and nothing all of the task.
func (b *brain) checkNamed(name string) (machine.CheckID, error) {
	var found, all []machine.CheckID
	for process, c := range b.launch.Task.AllChecks() {
		id := machine.CheckID{Process: process, Check: c.Name}
		all = append(all, id)
		switch name {
		case id.String():
			return id, nil
		case process:
			return machine.CheckID{Process: process}, nil
		case c.Name:
			found = append(found, id)
		}
	}
	switch {
	case len(all) == 0:
		return machine.CheckID{}, errors.New("the task has no checks")
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return machine.CheckID{}, fmt.Errorf("more than one check is called %s: say which, as %s", task.Quote(name), found[0])
	}
	return machine.CheckID{Check: name}, nil // of which the machine says that there is none
}
