package launch

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/task/file"
)

// Order is what a person wants to have run.
type Order struct {
	File     *file.File        // where it was read from; nil: Single is what is wanted
	Single   task.Task         // a task that no file describes; its templates are expanded too
	Task     string            // which of several tasks of the file; empty: the only one
	ID       string            // empty: a new one
	Ports    map[string]int    // that were given; others are taken free from the kernel
	Bindings map[string]string // of template variables
	User     string            // whom the processes run as; empty: as the task says, else the caller
	BaseEnv  map[string]string
	Sync     bool

	Isolation Isolation // zero: IsolationAuto
}

// Prepare makes an Order into a task that can be launched: every template
// bound, every user known. All errors are the caller's fault but those of the
// kernel's, which are marked by *SystemError.
func Prepare(o Order, now time.Time) (task.Launch, []file.Error, error) {
	l, warnings, err := draft(o, now)
	if err != nil {
		return task.Launch{}, nil, err
	}
	if l.Task, err = o.bind(l.All()); err != nil {
		return task.Launch{}, nil, err
	}
	if l.User, err = whoRuns(l.Task, o.User); err != nil {
		return task.Launch{}, nil, err
	}
	if l.Groups, l.GroupsWhy, err = o.contained(); err != nil {
		return task.Launch{}, nil, err
	}
	return l, warnings, nil
}

// contained says which groups the task gets.
func (o *Order) contained() (task.Groups, string, error) {
	if o.Isolation == IsolationNone {
		return contain(o.Isolation, host{})
	}
	h, err := lookAtHost()
	if err != nil {
		return "", "", err
	}
	return contain(o.Isolation, h)
}

// SystemError marks what is not the caller's fault.
type SystemError struct{ Err error }

func (e *SystemError) Error() string { return e.Err.Error() }
func (e *SystemError) Unwrap() error { return e.Err }

// draft is the launch but for its task, whose templates need what is in it.
func draft(o Order, now time.Time) (task.Launch, []file.Error, error) {
	name, ports, warnings, err := o.look()
	if err != nil {
		return task.Launch{}, nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return task.Launch{}, nil, &SystemError{fmt.Errorf("ask for the host's name: %w", err)}
	}
	owner, err := sandbox.LookUp("")
	if err != nil {
		return task.Launch{}, nil, &SystemError{err}
	}
	l := task.Launch{
		Version: task.LaunchVersion, ID: o.ID, Ports: maps.Clone(o.Ports), Bindings: o.Bindings, Hostname: host,
		Owner: owner.Name, BaseEnv: o.BaseEnv, Launched: now.UnixNano(), Sync: o.Sync,
		Path: cmp.Or(os.Getenv("DEWAR_PATH"), sandbox.DefaultPath), Lang: os.Getenv("LANG"), TZ: os.Getenv("TZ"),
	}
	if o.File != nil {
		l.SourceFile = o.File.Name
	}
	if l.ID == "" {
		l.ID = task.NewID(name, now, randomNumber())
	} else if err := task.CheckID(l.ID); err != nil {
		return task.Launch{}, nil, err
	}
	slices.Sort(ports)
	missing := slices.DeleteFunc(slices.Compact(ports), func(p string) bool { return l.Ports[p] != 0 })
	free, err := FreePorts(missing)
	if err != nil {
		return task.Launch{}, nil, &SystemError{err}
	}
	if l.Ports == nil {
		l.Ports = map[string]int{}
	}
	maps.Copy(l.Ports, free)
	return l, warnings, nil
}

func randomNumber() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails, says its documentation
	return binary.NativeEndian.Uint32(b[:])
}

// look reads what can be read before anything is bound: the chosen task's
// name, and the ports that the file's templates want.
func (o *Order) look() (name string, ports []string, warnings []file.Error, err error) {
	if o.File == nil {
		return o.Single.Name, o.singlePorts(), nil, nil
	}
	c, err := o.File.Check(o.Bindings)
	if err != nil {
		return "", nil, nil, err
	}
	chosen, err := c.Pick(o.Task)
	if err != nil {
		return "", nil, nil, fmt.Errorf("%s: %w", o.File.Name, err)
	}
	for _, e := range c.Entries { // Bind wants the ports of all
		ports = append(ports, e.Ports...)
	}
	return chosen.Task.Name, ports, c.Warnings, nil
}

// bind is the task with everything bound.
func (o *Order) bind(all task.Bindings) (task.Task, error) {
	if o.File == nil {
		return o.bindSingle(all)
	}
	c, err := o.File.Bind(all)
	if err != nil {
		return task.Task{}, err
	}
	chosen, err := c.Pick(o.Task)
	if err != nil {
		return task.Task{}, fmt.Errorf("%s: %w", o.File.Name, err)
	}
	return chosen.Task, nil
}

// whoRuns is the user of the task's processes. Every user that the task names
// must be known now: later it would be a process that cannot be started.
func whoRuns(t task.Task, given string) (string, error) {
	name := given
	if name == "" {
		name = t.User
	}
	user, err := sandbox.LookUp(name)
	if err != nil {
		return "", err
	}
	for _, p := range t.Processes {
		if p.User == "" {
			continue
		}
		if _, err := sandbox.LookUp(p.User); err != nil {
			return "", fmt.Errorf("process %s: %w", task.Quote(p.Name), err)
		}
	}
	return user.Name, nil
}
