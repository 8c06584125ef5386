// Package scope asks systemd for a group of our own: a transient scope that is
// delegated to us. A person's shell shares its group with others, and on v2 no
// group with processes in it hands controllers down.
//
// What comes in: a name, and whose processes. What comes out: they stand in
// <name>.scope, below which sandbox/cgroup may make groups; systemd removes it
// when the last process in it has gone, whatever groups are left. It is a
// package of its own because D-Bus is large, and only who starts a task by hand
// needs it.
package scope

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// ErrNoSystemd says that no systemd runs here that could be asked.
var ErrNoSystemd = errors.New("systemd does not run here")

// Enter moves this process into a new scope name.scope with Delegate=yes: of the
// system if we are root, else of the user's own systemd (which must run, as it
// does after a login; with `loginctl enable-linger` always). It waits until
// systemd has done it, and checks that it is so. ctx bounds the wait.
//
// The error is an ErrNoSystemd where /run/systemd/system is not there. A name that
// is taken, or that systemd does not allow (it does letters, digits and ":-_.\"),
// is an error.
func Enter(ctx context.Context, name, description string) error {
	if err := enter(ctx, name, description); err != nil {
		return fmt.Errorf("enter a scope of systemd's: %w", err)
	}
	return nil
}

func enter(ctx context.Context, name, description string) error {
	// sd_booted(3).
	if _, err := os.Lstat("/run/systemd/system"); err != nil {
		return fmt.Errorf("%w (%w)", ErrNoSystemd, err)
	}
	connect := dbus.NewUserConnectionContext
	if os.Geteuid() == 0 {
		connect = dbus.NewSystemdConnectionContext // does not need a bus
	}
	conn, err := connect(ctx)
	if err != nil {
		return fmt.Errorf("connect to systemd: %w", err)
	}
	defer conn.Close()
	full := name + ".scope"
	done := make(chan string, 1)
	if _, err := conn.StartTransientUnitContext(ctx, full, "fail", properties(description), done); err != nil {
		return fmt.Errorf("start %s: %w", full, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("start %s: systemd says %q", full, result)
		}
	case <-ctx.Done():
		return fmt.Errorf("start %s: %w", full, ctx.Err())
	}
	return inside(full)
}

func properties(description string) []dbus.Property {
	return []dbus.Property{
		dbus.PropDescription(description),
		dbus.PropPids(uint32(os.Getpid())),
		{Name: "Delegate", Value: godbus.MakeVariant(true)},
		{Name: "CollectMode", Value: godbus.MakeVariant("inactive-or-failed")}, // a failed one is not kept
	}
}

// inside checks that we stand there, in the unified hierarchy or, where there
// is none, in systemd's own.
func inside(full string) error {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return fmt.Errorf("look for our own control group: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasSuffix(strings.TrimSpace(line), "/"+full) {
			return nil
		}
	}
	return fmt.Errorf("start %s: systemd did it, but we are not in it: %q", full, text)
}
