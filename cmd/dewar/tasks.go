package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// find is the directory of the task whose id begins with prefix.
func (a *app) find(prefix string) (task.Dir, error) {
	root, err := a.tasksRoot()
	if err != nil {
		return "", err
	}
	dir, err := observer.Find(root, prefix)
	if nobody := (*observer.NotFound)(nil); errors.As(err, &nobody) {
		return "", misuse(err)
	}
	return dir, err
}

// findAll finds each task; all that are unknown are said at once.
func (a *app) findAll(prefixes []string) ([]task.Dir, error) {
	var dirs []task.Dir
	var errs []error
	for _, p := range prefixes {
		dir, err := a.find(p)
		dirs, errs = append(dirs, dir), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return dirs, nil
}

// view finds a task and reads it.
func (a *app) view(prefix string) (*observer.View, error) {
	dir, err := a.find(prefix)
	if err != nil {
		return nil, err
	}
	return readTask(dir)
}

// readTask reads a task that the caller may read. A directory where none was
// launched is none.
func readTask(dir task.Dir) (*observer.View, error) {
	v, err := readDir(dir)
	if err == nil && errors.Is(v.Quarantine, observer.ErrNotTask) {
		err = refused(&launch.NotTaskError{Dir: dir})
	}
	return v, err
}

// readDir reads a directory that the caller may read, whatever is in it.
func readDir(dir task.Dir) (*observer.View, error) {
	v, err := observer.Read(dir)
	if err == nil && errors.Is(v.Quarantine, fs.ErrPermission) {
		err = fmt.Errorf("read task %s, which is another user's: %w", v.ID, v.Quarantine)
	}
	return v, err
}

// programs are the shim and the brain to be started.
func (a *app) programs() (launch.Programs, error) {
	return launch.FindPrograms(a.env("DEWAR_LIBEXEC"), a.env("PATH"))
}

// errOver says that a task has ended, when something was wanted of it.
type errOver struct {
	id    string
	state machine.TaskState
	cause string
}

func (e *errOver) Error() string {
	said := fmt.Sprintf("task %s has finished before: %s", e.id, e.state)
	if e.cause != "" {
		said += ": " + e.cause
	}
	return said
}

// over is an *errOver if the task has ended, else nil.
func over(v *observer.View) error {
	if !v.Over() {
		return nil
	}
	return &errOver{v.ID, v.State.State, v.State.Reason}
}

// waker starts the shim of a task that nobody keeps, if it has not ended.
func (a *app) waker(ctx context.Context, dir task.Dir) func() error {
	return func() error {
		v, err := readTask(dir)
		if err == nil {
			err = over(v)
		}
		if err != nil {
			return err
		}
		started, err := a.wake(ctx, dir)
		if started {
			a.note("nobody kept task %s: a new shim was started", v.ID)
		}
		return err
	}
}

// wake starts the shim of a task unless somebody keeps it.
func (a *app) wake(ctx context.Context, dir task.Dir) (started bool, err error) {
	p, err := a.programs()
	if err != nil {
		return false, err
	}
	started, noScope, err := launch.Wake(ctx, dir, p)
	if noScope != nil {
		a.detail("%v", noScope)
	}
	return started, refused(err)
}

// refused gives the error of what launch does not do its exit status.
func refused(err error) error {
	if foreign := (*launch.ForeignError)(nil); errors.As(err, &foreign) {
		return held(err)
	}
	if none := (*launch.NotTaskError)(nil); errors.As(err, &none) {
		return misuse(err)
	}
	return err
}

// isFile says whether an argument that may be a file or a task is a file.
func isFile(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && !info.IsDir()
}

// neither is the error for an argument that is neither a file nor a task.
func (a *app) neither(arg string, err error) error {
	if nobody := (*observer.NotFound)(nil); !errors.As(err, &nobody) || nobody.Ambiguous {
		return err // there is such a task, or more than one
	}
	if _, stat := os.Stat(arg); errors.Is(stat, fs.ErrNotExist) {
		if root, rootErr := a.tasksRoot(); rootErr == nil && filepath.Base(arg) == arg {
			return misuse(fmt.Errorf("there is no file and no task %s; tasks are looked for under %s", task.Quote(arg), root))
		}
		return misuse(fmt.Errorf("there is no file %s", task.Quote(arg)))
	}
	return err
}
