package shim

import (
	"errors"
	"io"
	"strconv"
	"syscall"
)

// LockFile is a held POSIX record lock on a whole file. The kernel drops it
// when the process ends, and also when the process closes *any* descriptor of
// the file: open a lock file of your own once, through Lock, and never call
// Holder on it.
type LockFile struct {
	fd   int
	path string
}

// HeldError says that another process holds a lock.
type HeldError struct {
	Path string
	Pid  int // 0 if it could not be learned
}

func (e *HeldError) Error() string {
	return "lock " + e.Path + ": it is held by process " + strconv.Itoa(e.Pid)
}

// Lock takes the lock at path, making the file (mode 0640) if there is none.
// It does not wait: the error is a *HeldError if another process has it. After
// locking, the file is compared with the one at path, so that a lock on a file
// that was removed meanwhile is never taken for one.
func Lock(path string) (*LockFile, error) {
	for {
		fd, err := openRetry(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o640)
		if err != nil {
			return nil, &PathError{"open", path, err}
		}
		lk := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
		err = fcntlRetry(fd, syscall.F_SETLK, &lk)
		if err == syscall.EAGAIN || err == syscall.EACCES {
			pid := holderOf(fd)
			syscall.Close(fd)
			return nil, &HeldError{path, pid}
		}
		if err != nil {
			syscall.Close(fd)
			return nil, &PathError{"lock", path, err}
		}
		same, err := sameFile(fd, path)
		if same {
			return &LockFile{fd, path}, nil
		}
		syscall.Close(fd)
		if err != nil {
			return nil, &PathError{"look at", path, err}
		}
	}
}

// Close gives the lock back.
func (l *LockFile) Close() error {
	if err := syscall.Close(l.fd); err != nil {
		return &PathError{"close", l.path, err}
	}
	return nil
}

// Holder asks who holds the lock at path, and takes nothing: 0 if nobody does
// or the file is not there. Not for a lock of this very process.
func Holder(path string) (int, error) {
	fd, err := openRetry(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err == syscall.ENOENT {
		return 0, nil
	}
	if err != nil {
		return 0, &PathError{"open", path, err}
	}
	defer syscall.Close(fd)
	lk := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := fcntlRetry(fd, syscall.F_GETLK, &lk); err != nil {
		return 0, &PathError{"ask who holds", path, err}
	}
	if lk.Type == syscall.F_UNLCK {
		return 0, nil
	}
	if lk.Pid <= 0 {
		return 0, &PathError{"ask who holds", path, errors.New("its holder is not visible from here (another pid namespace?)")}
	}
	return int(lk.Pid), nil
}

// holderOf is the pid that keeps us from locking fd, 0 if that is not known.
func holderOf(fd int) int {
	lk := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := fcntlRetry(fd, syscall.F_GETLK, &lk); err != nil || lk.Type == syscall.F_UNLCK {
		return 0
	}
	return int(lk.Pid)
}

func fcntlRetry(fd, cmd int, lk *syscall.Flock_t) error {
	for {
		if err := syscall.FcntlFlock(uintptr(fd), cmd, lk); err != syscall.EINTR {
			return err
		}
	}
}

// sameFile reports whether path still leads to the file that fd is.
func sameFile(fd int, path string) (bool, error) {
	var a, b syscall.Stat_t
	if err := syscall.Fstat(fd, &a); err != nil {
		return false, err
	}
	err := syscall.Lstat(path, &b)
	if err == syscall.ENOENT {
		return false, nil
	}
	return err == nil && a.Dev == b.Dev && a.Ino == b.Ino, err
}

// PathError is an error of the system about a file.
type PathError struct {
	Verb string
	Path string
	Err  error
}

func (e *PathError) Error() string { return e.Verb + " " + e.Path + ": " + e.Err.Error() }
func (e *PathError) Unwrap() error { return e.Err }

func openRetry(path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := syscall.Open(path, flags, mode)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}
