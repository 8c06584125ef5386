package disk

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/fs.h, which x/sys does not have: _IOR('X', 31) and _IOW('X', 32), as
// all but mips, powerpc and sparc encode them.
const (
	getXattr = 0x801c581f // FS_IOC_FSGETXATTR
	setXattr = 0x401c5820 // FS_IOC_FSSETXATTR
	inherit  = 0x200      // FS_XFLAG_PROJINHERIT
)

// fsxattr is struct fsxattr.
type fsxattr struct {
	flags, _, _ uint32
	project     uint32
	_           uint32
	_           [8]byte
}

// assign takes a tree into a project, and its top last. A tree whose top is in
// it needs nothing.
func assign(ctx context.Context, dir string, id uint32) error {
	err := assignTree(ctx, dir, id)
	if err != nil {
		return fmt.Errorf("set the project of what %s holds: %w", dir, err)
	}
	return nil
}

func assignTree(ctx context.Context, dir string, id uint32) error {
	top, err := unix.Open(dir, dirFlags, 0)
	if err != nil {
		return err
	}
	defer unix.Close(top)
	if is, err := in(top, id); err != nil || is {
		return err
	}
	t, f, err := openTree(dir)
	if err != nil {
		return err
	}
	defer t.close()
	for f = t.step(); f.what != end; f = t.step() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		err := f.err
		switch {
		case f.what == folder:
			err = assignOpen(f.dir, directory, id)
		case f.what == file && f.kind == regular:
			err = assignFile(t, f, id)
		}
		if err != nil {
			return err
		}
	}
	return assignOpen(top, directory, id)
}

// in says that an open directory is in a project, and what is made in it.
func in(dir int, id uint32) (bool, error) {
	var x fsxattr
	if err := ioctl(dir, getXattr, &x); err != nil {
		return false, fmt.Errorf("ask for its project: %w", err)
	}
	return x.project == id && x.flags&inherit != 0, nil
}

// assignFile opens a file so that nothing happens by it: as a path first, and
// through that once it is known to be a file on our mount.
func assignFile(t *tree, f found, id uint32) error {
	name := string(f.name[:len(f.name)-1])
	path, err := unix.Openat(f.dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %q: %w", name, err)
	}
	defer unix.Close(path)
	n, err := stat(path, self, t.flags)
	if err != nil {
		return fmt.Errorf("look at %q: %w", name, err)
	}
	if n.kind != regular || n.links > 1 || !within(t.top, n) {
		return nil
	}
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(path), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %q: %w", name, err)
	}
	defer unix.Close(fd)
	if err := assignOpen(fd, n.kind, id); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

// assignOpen changes the project of an open file or directory; 0 is none. What
// is made in a directory with a project inherits it.
func assignOpen(fd int, k kind, id uint32) error {
	var x fsxattr
	if err := ioctl(fd, getXattr, &x); err != nil {
		return fmt.Errorf("ask for its project: %w", err)
	}
	flags := x.flags
	if k == directory && id != 0 {
		flags |= inherit
	}
	if id == x.project && flags == x.flags {
		return nil
	}
	x.project, x.flags = id, flags
	if err := ioctl(fd, setXattr, &x); err != nil {
		return fmt.Errorf("set its project to %d: %w", id, err)
	}
	return nil
}

func ioctl(fd int, request uintptr, x *fsxattr) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(x))); errno != 0 {
		return errno
	}
	return nil
}
