package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is what a group's bell rings for.
type Kind string

const (
	OOM         Kind = "oom"             // read OOM()
	Empty       Kind = "empty"           // populated or frozen has changed: read Populated()
	CPUPressure Kind = "cpu-pressure"    // a Trigger
	MemPressure Kind = "memory-pressure" // a Trigger
)

// Bell says that something has changed; what, the group's files tell. Bells
// that ring while nobody listens become one.
type Bell struct {
	Group Group
	Kind  Kind
}

// source is an open file that rings.
type source struct {
	Bell
	how    how
	fd     int
	events uint32 // of epoll
	file   string // the group's file; when it is gone, so is the source
}

type how int

const (
	byEvents  how = iota // a kernel file that is read again
	byEventFD            // a counter
	byTrigger            // a pressure file
)

// Trigger rings when somebody (or, with Full, everybody) in a group stood
// waiting for Stall within Window (500 ms to 10 s).
type Trigger struct {
	Kind   Kind
	Full   bool
	Stall  time.Duration
	Window time.Duration
}

// Watcher watches the groups of one task. A single goroutine owns it; the
// kernel's files are waited for by epoll (no inotify: instances of that are few
// for a user, 128, and every task would take one).
type Watcher struct {
	ctx   context.Context
	bells chan Bell
	asks  chan ask
	done  chan struct{}
	err   error // once done is closed

	epoll   int
	wakeFD  int
	wake    *os.File // an eventfd; others write into it, so that closing it is package os' affair
	sources map[int]source
}

// ask is something that the goroutine does for another.
type ask struct {
	do   func() error
	told chan error
}

// Watch starts to watch; one goroutine, which never polls. It ends when ctx
// does; the channel is closed then, and Wait answers.
func Watch(ctx context.Context) (*Watcher, error) {
	w := &Watcher{ctx: ctx, bells: make(chan Bell), asks: make(chan ask, 16), done: make(chan struct{}), sources: map[int]source{}}
	var err error
	if w.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("watch groups: make an eventfd: %w", err)
	}
	w.wake = os.NewFile(uintptr(w.wakeFD), "eventfd")
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("watch groups: make an epoll: %w", errors.Join(err, w.wake.Close()))
	}
	if err := w.listen(w.wakeFD, unix.EPOLLIN); err != nil {
		return nil, errors.Join(err, w.wake.Close(), unix.Close(w.epoll))
	}
	go w.run()
	return w, nil
}

// Bells is where they ring.
func (w *Watcher) Bells() <-chan Bell { return w.bells }

// Wait waits for the goroutine's end and answers what broke it, if not ctx.
func (w *Watcher) Wait() error {
	<-w.done
	return w.err
}

// OOM rings for OOM kills in the group and below (v2: memory.events, which also
// rings when a limit made the kernel reclaim; v1: the eventfd of
// memory.oom_control, which also rings for OOMs at limits above the group).
// Without a memory controller the error is errors.ErrUnsupported.
func (w *Watcher) OOM(g Group) error {
	return w.ask("OOM", g, func() (source, error) { return openOOM(g) })
}

// Empty rings when the group with those below it becomes empty or populated,
// frozen or thawed. Only the unified hierarchy tells; elsewhere the error is
// errors.ErrUnsupported.
func (w *Watcher) Empty(g Group) error {
	return w.ask("emptiness", g, func() (source, error) {
		if g.unified() == "" {
			return source{}, fmt.Errorf("v1 does not tell: %w", errors.ErrUnsupported)
		}
		return openEvents(Bell{g, Empty}, g.unified()+"/cgroup.events")
	})
}

// Pressure rings for a trigger; errors.ErrUnsupported where the kernel has no
// pressure stall information for groups (v1, or before 5.2). An ordinary user's
// windows are whole multiples of 2 s (since 6.5; before, he has none).
func (w *Watcher) Pressure(g Group, t Trigger) error {
	return w.ask(string(t.Kind), g, func() (source, error) { return openTrigger(g, t) })
}

// Forget ends all watching of a group. Do it before the group is removed, or
// its files stay open.
func (w *Watcher) Forget(g Group) error {
	return w.call(func() error {
		var all []error
		for _, one := range w.sources {
			if one.Group.path == g.path {
				all = append(all, w.drop(one))
			}
		}
		return errors.Join(all...)
	})
}

// ask has the goroutine open a source and listen to it.
func (w *Watcher) ask(what string, g Group, open func() (source, error)) error {
	err := w.call(func() error {
		one, err := open()
		if err != nil {
			return err
		}
		if err := w.listen(one.fd, one.events); err != nil {
			return errors.Join(err, unix.Close(one.fd))
		}
		w.sources[one.fd] = one
		return nil
	})
	if err != nil {
		return fmt.Errorf("watch %s of group %s: %w", what, g, err)
	}
	return nil
}

// errEnded is what a watcher answers that has ended.
var errEnded = errors.New("the watcher has ended")

func (w *Watcher) call(do func() error) error {
	one := ask{do: do, told: make(chan error, 1)}
	select {
	case w.asks <- one:
	case <-w.done:
		return errEnded
	}
	if err := w.ring(); err != nil {
		return err
	}
	select {
	case err := <-one.told:
		return err
	case <-w.done:
		return errEnded
	}
}

// ring wakes the goroutine, if it has not ended.
func (w *Watcher) ring() error {
	_, err := w.wake.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0})
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func (w *Watcher) listen(fd int, events uint32) error {
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("listen to the kernel: %w", err)
	}
	return nil
}

// drop closes a source; closing takes it out of the epoll.
func (w *Watcher) drop(one source) error {
	delete(w.sources, one.fd)
	return unix.Close(one.fd)
}
