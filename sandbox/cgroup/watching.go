package cgroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// run is the watcher's goroutine.
func (w *Watcher) run() {
	rung := make(chan error, 1)
	stop := context.AfterFunc(w.ctx, func() { rung <- w.ring() })
	err := w.loop()
	if !stop() {
		err = errors.Join(err, <-rung)
	}
	for _, one := range w.sources {
		err = errors.Join(err, unix.Close(one.fd))
	}
	w.err = errors.Join(err, unix.Close(w.epoll), w.wake.Close())
	close(w.done)
	close(w.bells)
}

func (w *Watcher) loop() error {
	var happened [64]unix.EpollEvent
	for {
		n, err := unix.EpollWait(w.epoll, happened[:], -1)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for the kernel: %w", err)
		}
		var bells []Bell
		for _, event := range happened[:n] {
			rings, err := w.happened(int(event.Fd))
			if err != nil {
				return err
			}
			for _, bell := range rings {
				if !slices.Contains(bells, bell) {
					bells = append(bells, bell)
				}
			}
		}
		if w.ctx.Err() != nil || !w.deliver(bells) {
			return nil
		}
	}
}

// deliver answers false when ctx has ended. While nobody listens the kernel
// keeps what happens.
func (w *Watcher) deliver(bells []Bell) bool {
	for len(bells) > 0 {
		select {
		case w.bells <- bells[0]:
			bells = bells[1:]
		case one := <-w.asks:
			one.told <- one.do()
		case <-w.ctx.Done():
			return false
		}
	}
	return true
}

// happened takes note of what a descriptor says, so that it says it once.
func (w *Watcher) happened(fd int) ([]Bell, error) {
	if fd == w.wakeFD {
		return nil, w.woken()
	}
	one, ok := w.sources[fd]
	if !ok {
		return nil, nil // dropped by an ask, after epoll_wait
	}
	here := exists(one.file)
	var err error
	var buf [256]byte
	switch one.how {
	case byEvents: // reading is what makes the file quiet again
		_, err = unix.Pread(fd, buf[:], 0)
	case byEventFD: // it also rings when the group is removed
		_, err = unix.Read(fd, buf[:8])
	case byTrigger: // asking was enough
	}
	switch {
	case !here || gone(err):
		return []Bell{one.Bell}, w.drop(one)
	case err != nil && err != syscall.EAGAIN && err != syscall.EINTR:
		return nil, fmt.Errorf("read %s: %w", one.file, err)
	default:
		return []Bell{one.Bell}, nil
	}
}

func (w *Watcher) woken() error {
	var buf [8]byte
	if _, err := unix.Read(w.wakeFD, buf[:]); err != nil && err != syscall.EAGAIN && err != syscall.EINTR {
		return fmt.Errorf("read an eventfd: %w", err)
	}
	for {
		select {
		case one := <-w.asks:
			one.told <- one.do()
		default:
			return nil
		}
	}
}

// openEvents opens a file of the unified hierarchy that the kernel notifies of
// (POLLPRI, until it is read again).
func openEvents(bell Bell, file string) (source, error) {
	fd, err := open(file, unix.O_RDONLY)
	if err != nil {
		return source{}, err
	}
	var buf [256]byte
	if _, err := unix.Pread(fd, buf[:], 0); err != nil {
		return source{}, errors.Join(fmt.Errorf("read %s: %w", file, err), unix.Close(fd))
	}
	return source{Bell: bell, how: byEvents, fd: fd, events: unix.EPOLLPRI, file: file}, nil
}

// openOOM opens memory.events (since 4.5), or an eventfd on memory.oom_control
// of v1 (since 2.6.34; not in kernels built with PREEMPT_RT).
func openOOM(g Group) (source, error) {
	dir := g.v1("memory")
	if dir == "" {
		file := g.unified() + "/memory.events"
		if g.unified() == "" || exists(g.unified()) && !exists(file) {
			return source{}, fmt.Errorf("there is no memory controller: %w", errors.ErrUnsupported)
		}
		return openEvents(Bell{g, OOM}, file)
	}
	file := dir + "/memory.oom_control"
	control, err := open(file, unix.O_RDONLY)
	if err != nil {
		return source{}, err
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return source{}, errors.Join(fmt.Errorf("make an eventfd: %w", err), unix.Close(control))
	}
	err = writeFile(dir+"/cgroup.event_control", strconv.Itoa(fd)+" "+strconv.Itoa(control))
	if err := errors.Join(err, unix.Close(control)); err != nil {
		return source{}, errors.Join(err, unix.Close(fd))
	}
	return source{Bell: Bell{g, OOM}, how: byEventFD, fd: fd, events: unix.EPOLLIN, file: file}, nil
}

// openTrigger writes a trigger into a pressure file; it lives as long as that
// is open.
func openTrigger(g Group, t Trigger) (source, error) {
	name, ok := map[Kind]string{CPUPressure: "cpu.pressure", MemPressure: "memory.pressure"}[t.Kind]
	if !ok {
		return source{}, fmt.Errorf("%q is no kind of pressure", t.Kind)
	}
	file := g.unified() + "/" + name
	if g.unified() == "" || exists(g.unified()) && !exists(file) {
		return source{}, fmt.Errorf("there is no %s for groups here: %w", name, errors.ErrUnsupported)
	}
	fd, err := open(file, unix.O_RDWR|unix.O_NONBLOCK)
	if err != nil {
		return source{}, err
	}
	words := fmt.Sprintf("%s %d %d", t.who(), t.Stall.Microseconds(), t.Window.Microseconds())
	if err := write(fd, append([]byte(words), 0)); err != nil {
		if unsupported(err) {
			err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
		return source{}, errors.Join(fmt.Errorf("write %q into %s: %w", words, file, err), unix.Close(fd))
	}
	return source{Bell: Bell{g, t.Kind}, how: byTrigger, fd: fd, events: unix.EPOLLPRI, file: file}, nil
}

func (t Trigger) who() string {
	if t.Full {
		return "full"
	}
	return "some"
}
