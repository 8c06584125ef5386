package launch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/sandbox/cgroup/scope"
	"github.com/dewarhq/dewar/task"
)

// systemdWithin is how long systemd may take to give us a scope.
const systemdWithin = 5 * time.Second

// EnterScope moves this process, before it starts a task, into a scope that
// systemd delegates to it, where no groups could be made otherwise: because
// others are in our own, such as the shell, or because it is not ours. Nothing
// is done where groups can be made, where none are wanted, where there is no
// systemd, and in a task of ours, which nothing may leave. After an error
// everything is as it was, and Prepare says what that means.
func EnterScope(ctx context.Context, asked Isolation) error {
	if asked == IsolationNone {
		return nil
	}
	h, err := lookAtHost()
	if err != nil {
		return err
	}
	if !h.scoped() {
		return nil
	}
	_, err = enterScope(ctx)
	return err
}

// enterScope moves this process into a new scope; without a systemd it does not.
func enterScope(ctx context.Context) (entered bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, systemdWithin)
	defer cancel()
	err = scope.Enter(ctx, "dewar-"+randomText(12), "A task of Dewar's")
	if errors.Is(err, scope.ErrNoSystemd) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask systemd for a group of our own: %w", err)
	}
	return true, nil
}

// waking lets one goroutine at a time wake a task: a scope is entered by the whole
// process, and whoever it starts is born where it stands.
var waking struct {
	sync.Mutex
	gave bool // the scope in which this process stands, or stood, is a task's that it has woken
}

// reenterScope is EnterScope for who wakes a task that had a scope, which went
// with its keepers. Once it has entered one for a task, every other that it wakes
// gets another: a scope with somebody else's shim in it cannot be divided. waking
// is held, until the shim is started.
func reenterScope(ctx context.Context, dir task.Dir) error {
	g, found, err := sandbox.ReadGroups(dir)
	if err != nil {
		return err
	}
	h, err := lookAtHost()
	if err != nil || h.inTask {
		return err
	}
	gone := found && g.Used() && cgroup.Open(g.Place).Uprooted()
	if !waking.gave && !(gone && h.scoped()) {
		return nil
	}
	entered, err := enterScope(ctx)
	waking.gave = waking.gave || entered
	return err
}

// scoped says that a scope would help, and that we may leave our group for it:
// what is part of a task is to die with it.
func (h host) scoped() bool {
	return !h.inTask && (h.mode == cgroup.None || len(h.strangers) > 0)
}
