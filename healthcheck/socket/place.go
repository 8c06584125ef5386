package socket

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/task"
)

// Place is where the target of a check lives.
type Place struct {
	Ports   map[string]int // the launch's, by name
	Sandbox string         // the sandbox as the process sees it, absolute

	// Main is a process whose root directory is the target's, asked for each time;
	// nil: the machine's. Its network is the target's, too, with Apart.
	Main  func() (pid int, err error)
	Apart bool
}

// New is what asks a check of kind http, tcp, grpc or file. The error is a
// sentence: the check can never be asked. No path of the check is opened here, but
// in each Ask: it may name anything, and be not there yet.
func New(c *task.Check, p Place) (healthcheck.Asker, error) {
	switch {
	case c.HTTP != nil:
		return newHTTP(c.HTTP, p)
	case c.TCP != nil:
		return newTCP(c.TCP, p)
	case c.GRPC != nil:
		return newGRPC(c.GRPC, p)
	case c.File != nil:
		return &file{place: p, path: p.inside(c.File.Path), most: time.Duration(c.File.MaxAge)}, nil
	}
	return nil, fmt.Errorf("check %s is asked over no socket", task.Quote(c.Name))
}

// inside is a path as the process sees it.
func (p Place) inside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(p.Sandbox, path)
}

// open opens a path as the process sees it: no link leads out of its root, nor
// out of the sandbox where that root is the machine's.
func (p Place) open(path string, flags int) (fd int, err error) {
	dir, resolve := "/", uint64(unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS)
	if rest, err := filepath.Rel(p.Sandbox, path); p.Main == nil && err == nil && filepath.IsLocal(rest) {
		dir, path, resolve = p.Sandbox, rest, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_MAGICLINKS
	}
	if p.Main != nil {
		pid, err := p.Main()
		if err != nil {
			return -1, err
		}
		dir = fmt.Sprintf("/proc/%d/root", pid)
	}
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	fd, err = unix.Openat2(root, path, &unix.OpenHow{Flags: uint64(flags) | unix.O_CLOEXEC, Resolve: resolve})
	if err == unix.EXDEV {
		return -1, errors.New("a link leads out of the sandbox")
	}
	return fd, err
}

// within calls do in the target's network. Its thread is not given back where it
// has entered another one: it ends with the goroutine.
func (p Place) within(do func() error) error {
	if p.Main == nil || !p.Apart {
		return do()
	}
	pid, err := p.Main()
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			err = errors.Join(unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET), ns.Close())
		}
		if err != nil {
			done <- fmt.Errorf("enter the network of the process: %w", err)
			return
		}
		done <- do()
	}()
	return <-done
}
