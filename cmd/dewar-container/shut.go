//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// shut makes a mount read-only, and all that is mounted below it. It closes
// top, the mount's root.
func shut(top *os.File) error {
	defer top.Close()
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	err := unix.MountSetattr(int(top.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr)
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.ENOSYS) { // since kernel 5.12
		return fmt.Errorf("make %s read-only: %w", top.Name(), err)
	}
	path, err := os.Readlink(procPath(top))
	if err != nil {
		return fmt.Errorf("find %s: %w", top.Name(), err)
	}
	all, err := mounts()
	if err != nil {
		return err
	}
	for _, m := range all {
		if below(m.point, path) {
			if err := remountReadOnly(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// shutSys makes the machine's /sys read-only in our mount namespace, if it is
// there: what root writes there changes the machine, and can have it execute a
// program of root's choice.
func shutSys() error {
	all, err := mounts()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(m mounted) bool { return m.point == "/sys" }) {
		return nil
	}
	sys, err := os.OpenFile("/sys", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("make /sys read-only: %w", err)
	}
	return shut(sys)
}

// shutPath makes a path of the tree read-only, and opens again what is to be
// open below it.
func (s *stage) shutPath(path string) error {
	f, err := openTarget(s.root(), path, false, false)
	if err != nil {
		return err
	}
	defer f.Close()
	top, err := os.Readlink(procPath(f))
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	place, err := s.prepare(f, path, info.IsDir(), true)
	if err != nil {
		return err
	}
	if err := bind(place, procPath(f)); err != nil {
		return err
	}
	for _, o := range s.open {
		if err := s.openAgain(o, top); err != nil {
			return fmt.Errorf("but for %s: %w", o.target, err)
		}
	}
	return nil
}

// openAgain shows something once more if it is below a path that was shut.
func (s *stage) openAgain(o opened, shut string) error {
	dst, err := openTarget(s.root(), o.target, false, false)
	if err != nil {
		return err
	}
	defer dst.Close()
	at, err := os.Readlink(procPath(dst))
	if err != nil || at == shut || !below(at, shut) {
		return err
	}
	return bind(o.place, procPath(dst))
}

// mayHide is an error if there is nothing to hide, or what is the task's own.
func (s *stage) mayHide(path string) error {
	f, err := openTarget(s.root(), path, false, false)
	if err != nil {
		return err
	}
	defer f.Close()
	top, err := os.Readlink(procPath(f))
	if err != nil {
		return err
	}
	for _, o := range s.open {
		if at, err := s.seenAt(o); err != nil || below(at, top) {
			return errors.Join(err, fmt.Errorf("%s, which the task needs, is in there", o.target))
		}
	}
	return nil
}

// seenAt is the path, on the stage, at which something is seen.
func (s *stage) seenAt(o opened) (string, error) {
	f, err := openTarget(s.root(), o.target, false, false)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return os.Readlink(procPath(f))
}
