package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/task"
)

// console reads on in a task's console file: what processes with destination
// console have said, and what the shim says of itself. The shim begins a new file
// of that name when one is full; then reading goes on there.
type console struct {
	path   string
	events *os.File // inotify
	file   *os.File // nil: it is not there yet
	from   int64    // where reading begins
}

// openConsole begins at the start, or behind what is there already.
func openConsole(dir task.Dir, behind bool) (*console, error) {
	c := &console{path: dir.Console()}
	if info, err := os.Lstat(c.path); behind && err == nil {
		c.from = info.Size()
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch the task's console: %w", err)
	}
	c.events = os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, string(dir), unix.IN_CREATE); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the task's console: %w", err), c.close())
	}
	return c, nil
}

// follow returns what passes on what is said, as it is said, until its context
// ends.
func (c *console) follow(to io.Writer) func(context.Context) error {
	return func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() {
			_ = c.events.SetReadDeadline(time.Unix(1, 0)) // its failure would show as following that outlives ctx
		})()
		for {
			if err := c.copy(to); err != nil {
				return err
			}
			_, err := c.events.Read(make([]byte, 4096))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				return fmt.Errorf("watch the task's console: %w", err)
			}
		}
	}
}

// copy passes on what is new.
func (c *console) copy(to io.Writer) error {
	for {
		if c.file == nil {
			if err := c.open(); err != nil || c.file == nil {
				return err
			}
		}
		replaced, err := c.replaced()
		if err != nil {
			return err
		}
		// Asked before, so that the end of one that is replaced is its last.
		if _, err := io.Copy(to, c.file); err != nil {
			return fmt.Errorf("pass on the task's console: %w", err)
		}
		if !replaced {
			return nil
		}
		if err := c.file.Close(); err != nil {
			return fmt.Errorf("close the task's full console: %w", err)
		}
		c.file, c.from = nil, 0
	}
}

// replaced reports whether another file has the console's name.
func (c *console) replaced() (bool, error) {
	there, err := os.Lstat(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // not yet; its creation wakes us
	}
	ours, ourErr := c.file.Stat()
	if err := errors.Join(err, ourErr); err != nil {
		return false, fmt.Errorf("look at the task's console: %w", err)
	}
	return !os.SameFile(there, ours), nil
}

// open opens the console if it is there, and watches it.
func (c *console) open() error {
	f, err := os.OpenFile(c.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the task's console: %w", err)
	}
	c.file = f
	if info, err := f.Stat(); err == nil && info.Size() < c.from {
		c.from = 0 // it is a new one already
	}
	if _, err := f.Seek(c.from, io.SeekStart); err != nil {
		return fmt.Errorf("read the task's console: %w", err)
	}
	if _, err := unix.InotifyAddWatch(int(c.events.Fd()), c.path, unix.IN_MODIFY|unix.IN_DONT_FOLLOW); err != nil {
		return fmt.Errorf("watch the task's console: %w", err)
	}
	return nil
}

func (c *console) close() error {
	err := c.events.Close()
	if c.file != nil {
		err = errors.Join(err, c.file.Close())
	}
	return err
}
