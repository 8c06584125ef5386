//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"os"

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
