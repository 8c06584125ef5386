package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mount is one call of mount(2). Its directory is made if it is not there.
type mount struct {
	what, where, kind string
	flags             uintptr
	options           string
}

func (m mount) do() error {
	if err := os.MkdirAll(m.where, 0o755); err != nil {
		return fmt.Errorf("mount %s: %w", m.where, err)
	}
	if err := unix.Mount(m.what, m.where, m.kind, m.flags, m.options); err != nil {
		return fmt.Errorf("mount %s of type %s (%s): %w", m.where, m.kind, m.options, err)
	}
	return nil
}

const quiet = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// enterRoot makes the host's root, with a layer of our own above it that takes
// every write, this process's root.
func enterRoot(disks []disk) error {
	mounts := []mount{
		{rootTag, "/lower", "virtiofs", unix.MS_RDONLY, ""},
		{"tmpfs", "/rw", "tmpfs", 0, "mode=755,size=80%"},
		{"overlay", "/new", "overlay", 0, "lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work"},
		{"proc", "/new/proc", "proc", quiet, ""},
		{"sysfs", "/new/sys", "sysfs", quiet, ""},
		{"devtmpfs", "/new/dev", "devtmpfs", unix.MS_NOSUID, ""},
		{"devpts", "/new/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"},
		{"tmpfs", "/new/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		{"tmpfs", "/new/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
	}
	for i, d := range disks {
		mounts = append(mounts, mount{fmt.Sprintf("/dev/vd%c", 'a'+i), "/new" + d.Dir, d.Type, 0, "prjquota"})
	}
	for _, m := range mounts {
		if m.kind == "overlay" {
			for _, dir := range []string{"/rw/upper", "/rw/work"} {
				if err := os.Mkdir(dir, 0o755); err != nil {
					return err
				}
			}
		}
		if err := m.do(); err != nil {
			return err
		}
	}
	for link, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(target, "/new/dev/"+link); err != nil && !os.IsExist(err) {
			return err
		}
	}
	for _, dir := range []string{"/new/run/lock", "/new/tmp"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Chmod(dir, 0o1777); err != nil {
			return fmt.Errorf("open %s to all: %w", dir, err)
		}
	}
	return switchRoot("/new")
}

// switchRoot moves dir to /, for this process and all that it starts.
func switchRoot(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move %s to /: %w", dir, err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("enter %s: %w", dir, err)
	}
	return os.Chdir("/")
}
