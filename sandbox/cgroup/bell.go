package cgroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func unsupported(err error) bool { return errors.Is(err, syscall.EOPNOTSUPP) }

// stopper is a descriptor that becomes readable when a context ends, so that
// poll(2) can wait for both.
type stopper struct {
	fd   int
	ctx  context.Context
	stop func() bool
	rung chan error

	refused error // the first KILL that the kernel did not take
}

func newStopper(ctx context.Context) (*stopper, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	s := &stopper{fd: fd, ctx: ctx, rung: make(chan error, 1)}
	s.stop = context.AfterFunc(ctx, func() { s.rung <- write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })
	return s, nil
}

func (s *stopper) close() error {
	var err error
	if !s.stop() {
		err = <-s.rung
	}
	if closed := unix.Close(s.fd); err == nil {
		err = closed
	}
	return err
}

// wait waits for one of fds to have its events, at most for limit (0: no
// limit), and leaves in them which. The error is ctx's, once that has ended.
func (s *stopper) wait(fds []unix.PollFd, limit time.Duration) error {
	all := append(slices.Clone(fds), unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
	timeout := -1
	if limit > 0 {
		timeout = int((limit + time.Millisecond - 1) / time.Millisecond)
	}
	for {
		_, err := unix.Poll(all, timeout)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for the kernel: %w", err)
		}
		copy(fds, all)
		return s.ctx.Err()
	}
}

// await waits until what cgroup.events says of a directory is as wished, for
// limit at most (0: no limit), and answers whether it is. A group that is gone
// is as wished. The kernel tells (POLLPRI).
func (s *stopper) await(dir string, wished func(state) bool, limit time.Duration) (bool, error) {
	fd, err := open(dir+"/cgroup.events", unix.O_RDONLY)
	if gone(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	is, err := s.awaitOpen(fd, dir, wished, limit)
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	return is, err
}

func (s *stopper) awaitOpen(fd int, dir string, wished func(state) bool, limit time.Duration) (bool, error) {
	var buf [256]byte
	start := time.Now()
	for {
		n, err := unix.Pread(fd, buf[:], 0)
		if gone(err) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("read %s/cgroup.events: %w", dir, err)
		}
		if wished(parseEvents(buf[:n])) {
			return true, nil
		}
		left := limit - time.Since(start)
		if limit > 0 && left <= 0 {
			return false, nil
		}
		if err := s.wait([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, max(left, 0)); err != nil {
			return false, err
		}
	}
}
