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

const (
	// again is after how long a KILL is repeated that has not emptied a group:
	// somebody may have moved a process in meanwhile, which no event tells.
	again = time.Second
	// freezing is how long a v1 group is given to freeze before it is killed
	// as it is. A process in uninterruptible sleep never freezes.
	freezing = 500 * time.Millisecond
	// batch is how many processes are held by descriptors at a time.
	batch = 256
)

// Kill kills everything in the group and below, whatever state it is in, and
// waits until it is gone. nil means: seen empty, in every hierarchy, sub-groups
// included. When ctx ends first, the error is an *Alive. A ctx without end
// waits for ever.
//
// On v1 what a group above has frozen does not die: thaw that first.
func (g Group) Kill(ctx context.Context) error {
	s, err := newStopper(ctx)
	if err != nil {
		return err
	}
	err = g.kill(s)
	if closed := s.close(); err == nil {
		err = closed
	}
	if ended := ctx.Err(); ended != nil && errors.Is(err, ended) {
		return g.alive(errors.Join(ended, s.refused))
	}
	return err
}

func (g Group) kill(s *stopper) error {
	for {
		populated, err := g.Populated()
		if err != nil || !populated {
			return err
		}
		if dir := g.unified(); dir != "" && exists(dir) {
			err = s.killUnified(g, dir)
		}
		if err == nil {
			err = s.killListed(g.someStrays, g.freezer())
		}
		if err != nil {
			return err
		}
	}
}

// killUnified empties a directory of the unified hierarchy: one write (since
// 5.14), which no fork escapes, and the kernel's word that it is empty.
func (s *stopper) killUnified(g Group, dir string) error {
	for {
		err := writeFile(dir+"/cgroup.kill", "1")
		if gone(err) && exists(dir) {
			err = s.killListed(func() ([]int, error) { return procs(nil, dir) }, freezer{file: dir + "/cgroup.freeze", on: "1", off: "0"})
		}
		if unsupported(err) {
			return s.killListed(func() ([]int, error) { return owners(dir) }, freezer{})
		}
		if err != nil && !gone(err) {
			return err
		}
		empty, err := s.await(dir, func(now state) bool { return !now.populated }, again)
		if err != nil || empty {
			return err
		}
	}
}

// owners are the processes whose threads are in a threaded group or below. The
// kernel kills no such group, and lists these where their domain is: above.
func owners(dir string) (all []int, err error) {
	err = walk(dir, func(at string) error {
		return unlessMissing(withFile(at+"/cgroup.threads", func(b []byte) {
			for _, thread := range pids(nil, b) {
				if pid := ownerOf(thread); pid > 0 {
					all = append(all, pid)
				}
			}
		}))
	})
	slices.Sort(all)
	return slices.Compact(all), err
}

// killListed empties what list lists: frozen, so that nobody forks, killed one
// by one, thawed, until nobody is left.
func (s *stopper) killListed(list func() ([]int, error), f freezer) error {
	for {
		left, err := list()
		if err != nil || len(left) == 0 {
			return err
		}
		if err := s.killFrozen(list, f); err != nil {
			return err
		}
		if left, err = list(); err != nil {
			return err
		}
		if err := s.exits(left); err != nil {
			return err
		}
	}
}

// killFrozen thaws in any case.
func (s *stopper) killFrozen(list func() ([]int, error), f freezer) error {
	frozen, err := f.freeze(s, freezing)
	if err == nil || errors.Is(err, s.ctx.Err()) {
		err = s.killEach(list, frozen)
	}
	return errors.Join(err, f.thaw())
}

func (s *stopper) killEach(list func() ([]int, error), frozen bool) error {
	if frozen { // nobody goes, so that no number can become another's
		left, err := list()
		if err != nil {
			return err
		}
		for _, pid := range left {
			s.note(pid, kill(pid, syscall.SIGKILL))
		}
		return nil
	}
	return signalEach(list, syscall.SIGKILL, s.note)
}

// note remembers the first KILL that was refused.
func (s *stopper) note(pid int, err error) {
	if err != nil && s.refused == nil {
		s.refused = fmt.Errorf("send KILL to %d: %w", pid, err)
	}
}

// exits waits until the first few of some processes have exited, by descriptors
// of them (since 5.3; before, a moment), or until it is time to try again.
func (s *stopper) exits(left []int) error {
	fds := make([]unix.PollFd, 0, batch)
	for _, pid := range left[:min(len(left), batch)] {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	err := s.allExit(fds)
	for _, one := range fds {
		if closed := unix.Close(int(one.Fd)); err == nil {
			err = closed
		}
	}
	return err
}

func (s *stopper) allExit(fds []unix.PollFd) error {
	start := time.Now()
	waiting := append([]unix.PollFd(nil), fds...)
	for len(waiting) > 0 && time.Since(start) < again {
		if err := s.wait(waiting, again-time.Since(start)); err != nil {
			return err
		}
		still := waiting[:0]
		for _, one := range waiting {
			if one.Revents == 0 {
				still = append(still, one)
			}
		}
		waiting = still
	}
	// Exited is a moment before no longer listed; and before 5.3 there are
	// no descriptors to wait for.
	return s.wait(nil, time.Millisecond)
}

// Signal sends sig to each process in the group and below, once. One that is
// gone meanwhile is no error. Processes of another pid namespace are left out.
func (g Group) Signal(sig syscall.Signal) error {
	var all []error
	err := signalEach(g.Procs, sig, func(pid int, err error) {
		if err != nil {
			all = append(all, fmt.Errorf("send %s to %d (%s): %w", unix.SignalName(sig), pid, command(pid), err))
		}
	})
	return errors.Join(append(all, err)...)
}

// signalEach signals all that are listed, each once. A number may become
// another process' between being listed and being signalled: so a descriptor
// is taken first, and who is still listed then, and still there to take the
// signal, was in the group.
func signalEach(list func() ([]int, error), sig syscall.Signal, told func(pid int, err error)) error {
	left, err := list()
	if err != nil {
		return err
	}
	for len(left) > 0 {
		some := left[:min(len(left), batch)]
		left = left[len(some):]
		if err := signalSome(some, list, sig, told); err != nil {
			return err
		}
	}
	return nil
}

func signalSome(some []int, list func() ([]int, error), sig syscall.Signal, told func(pid int, err error)) (err error) {
	held := make(map[int]int, len(some))
	defer func() {
		for _, fd := range held {
			if closed := unix.Close(fd); err == nil {
				err = closed
			}
		}
	}()
	for _, pid := range some {
		if pid <= 0 {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		switch {
		case err == nil:
			held[pid] = fd
		case errors.Is(err, syscall.ENOSYS): // before 5.3
			told(pid, kill(pid, sig))
		case !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EINVAL): // EINVAL: a thread's number
			told(pid, err)
		}
	}
	if len(held) == 0 {
		return nil
	}
	listed, err := list()
	if err != nil {
		return err
	}
	for _, pid := range listed {
		if fd, ok := held[pid]; ok {
			told(pid, unlessGone(unix.PidfdSendSignal(fd, sig, nil, 0)))
		}
	}
	return nil
}

// kill never takes a number that means more than one process.
func kill(pid int, sig syscall.Signal) error {
	if pid <= 0 {
		return nil
	}
	return unlessGone(unix.Kill(pid, sig))
}

func unlessGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
