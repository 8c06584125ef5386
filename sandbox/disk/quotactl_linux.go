package disk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/quota.h and linux/dqblk_xfs.h, which x/sys does not have.
const (
	projectQuota = 2 // PRJQUOTA

	getQuota = 0x800007 // Q_GETQUOTA
	setQuota = 0x800008 // Q_SETQUOTA
	getState = 'X'<<8 + 8

	validLimits = 1 | 4 // QIF_BLIMITS | QIF_ILIMITS
)

// dqblk is struct if_dqblk.
type dqblk struct {
	hardSpace, softSpace uint64 // of unitSize; 0 is none
	bytes                uint64 // in use
	hardFiles, softFiles uint64
	files                uint64 // in use
	_, _                 uint64 // grace times
	valid                uint32
	_                    uint32
}

// statv is struct fs_quota_statv.
type statv struct {
	version int8
	_       uint8
	flags   uint16
	_       [164]byte
}

// system is a file system that is open to be asked for its quotas.
type system struct {
	mount    string
	file     *os.File
	byDevice bool // only quotactl(2)
}

func openSystem(mount string) (system, error) {
	f, err := os.Open(mount)
	if err != nil {
		return system{}, fmt.Errorf("open a file system for its quotas: %w", err)
	}
	return system{mount: mount, file: f}, nil
}

// close closes what was never written to.
func (s system) close() { _ = s.file.Close() }

// call is quotactl_fd(2), which is there since kernel 5.14, or quotactl(2),
// which wants the block device and answers for others that there is none.
func (s system) call(cmd int, id uint32, arg unsafe.Pointer) error {
	cmd = cmd<<8 | projectQuota
	if s.byDevice {
		return s.callByDevice(cmd, id, arg)
	}
	_, _, errno := unix.Syscall6(unix.SYS_QUOTACTL_FD, s.file.Fd(), uintptr(cmd), uintptr(id), uintptr(arg), 0, 0)
	runtime.KeepAlive(s.file)
	switch errno {
	case 0:
		return nil
	case unix.ENOSYS:
		return s.callByDevice(cmd, id, arg)
	}
	return errno
}

func (s system) callByDevice(cmd int, id uint32, arg unsafe.Pointer) error {
	w, err := locate(s.mount)
	if err != nil {
		return err
	}
	device, err := unix.BytePtrFromString(w.Device)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_QUOTACTL, uintptr(cmd), uintptr(unsafe.Pointer(device)), uintptr(id), uintptr(arg), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// state says whether projects are counted and limited. The errors by which the
// kernel says that it knows of no quotas here are no state.
func (s system) state() (uint16, error) {
	v := statv{version: 1}
	err := s.call(getState, 0, unsafe.Pointer(&v))
	for _, none := range []error{unix.ENOSYS, unix.ESRCH, unix.EINVAL, unix.ENOTBLK, unix.ENOENT, unix.ENODEV, unix.EOPNOTSUPP, unix.ENXIO} {
		if errors.Is(err, none) {
			return 0, nil
		}
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the state of project quotas on %s: %w", s.mount, err)
	}
	return v.flags, nil
}

// get answers a project's limit and use; xfs has none before its first file.
func (s system) get(id uint32) (dqblk, error) {
	var q dqblk
	err := s.call(getQuota, id, unsafe.Pointer(&q))
	if errors.Is(err, unix.ENOENT) {
		return dqblk{}, nil
	}
	if err != nil {
		return dqblk{}, fmt.Errorf("ask for the quota of project %d on %s: %w", id, s.mount, err)
	}
	return q, nil
}

// block is in what sizes the file system gives out space, in bytes.
func (s system) block() (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(s.file.Fd()), &fs); err != nil {
		return 0, fmt.Errorf("ask for the block size of %s: %w", s.mount, err)
	}
	return fs.Bsize, nil
}

// set limits a project to so many units, 0 for no limit, and any number of
// files, and makes sure that it holds.
func (s system) set(id uint32, hard uint64) error {
	q := dqblk{hardSpace: hard, valid: validLimits}
	if err := s.call(setQuota, id, unsafe.Pointer(&q)); err != nil {
		return fmt.Errorf("limit project %d on %s to %d bytes: %w", id, s.mount, hard*unitSize, err)
	}
	now, err := s.get(id)
	if err != nil {
		return err
	}
	if now.hardSpace != hard {
		return fmt.Errorf("limit project %d on %s to %d bytes: the kernel has made it %d", id, s.mount, hard*unitSize, now.hardSpace*unitSize)
	}
	return nil
}
