//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
)

// composeShm makes /dev/shm the task's own, or, in an own root, the machine's.
func (s *stage) composeShm() error {
	switch {
	case s.w.Isolation.Shm == task.Private:
		shm, err := privateShm(s.w.TaskDir)
		if err != nil {
			return err
		}
		return s.show(shm, "/dev/shm", false, false)
	case s.ownRoot():
		shm, err := openSource("/dev/shm")
		if err != nil {
			return err
		}
		return s.show(shm, "/dev/shm", false, false)
	}
	return nil
}

// privateShm makes and opens a task's directory in the machine's shared memory,
// where everybody may make names: it has to be root's, and closed to others.
func privateShm(taskDir string) (*os.File, error) {
	path := container.ShmDir(taskDir)
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make the task's shared memory: %w", err)
	}
	dir, err := openBelow(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), "", &st, unix.AT_EMPTY_PATH); err != nil {
		return nil, fmt.Errorf("look at the task's shared memory: %w", err)
	}
	if st.Uid != 0 || st.Mode&0o077 != 0 {
		return nil, fmt.Errorf("use %s as the task's shared memory: it is not root's alone", path)
	}
	if err := unix.Mkdirat(int(dir.Fd()), "shm", 0o700); err == nil {
		err = unix.Fchmodat(int(dir.Fd()), "shm", 0o1777, 0)
		if err != nil {
			return nil, fmt.Errorf("open the task's shared memory to its users: %w", err)
		}
	} else if !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("make the task's shared memory: %w", err)
	}
	return openBelow(path, "shm")
}
