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

// Remove removes this group and those below it, deepest first; see Tree.Remove.
func (g Group) Remove(ctx context.Context) error {
	s, err := newStopper(ctx)
	if err != nil {
		return err
	}
	dirs := g.made()
	slices.Reverse(dirs) // what contains the task goes last
	var all []error
	for _, dir := range dirs {
		all = append(all, g.remove(s, dir))
	}
	if err := errors.Join(append(all, s.close())...); err != nil {
		return fmt.Errorf("remove group %s: %w", g, err)
	}
	return nil
}

// remove tries until ctx ends, as long as nobody lives there: the last exit is
// seen a moment before the group may go, and on v1 no event tells of that.
func (g Group) remove(s *stopper, dir string) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		busy, err := removeOnce(dir)
		if err == nil && busy == nil {
			return nil
		}
		if err != nil {
			return err
		}
		left, err := procs(nil, dir)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return g.alive(busy)
		}
		if err := s.wait(nil, pause); err != nil {
			return errors.Join(err, busy)
		}
	}
}

// removeOnce removes what can be; busy is the first EBUSY that it met.
func removeOnce(dir string) (busy, err error) {
	err = walk(dir, func(at string) error {
		err := unix.Rmdir(at)
		switch {
		case err == nil || gone(err):
			return nil
		case errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.ENOTEMPTY):
			if busy == nil {
				busy = fmt.Errorf("remove %s: %w", at, err)
			}
			return nil
		default:
			return fmt.Errorf("remove %s: %w", at, err)
		}
	})
	return busy, err
}
