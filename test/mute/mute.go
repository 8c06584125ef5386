// Package mute is for tests about processes that cannot be killed: a FUSE file
// system that takes requests and does not answer. Whoever has asked it waits
// uninterruptibly once a signal has come, until the device is closed.
package mute

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/test/needs"
)

// FS is such a mount.
type FS struct {
	Dir    string
	device *os.File
}

// Mount mounts one for as long as the test runs. Without /dev/fuse, or the right
// to mount, the test is skipped.
func Mount(t testing.TB) FS {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("%s/dev/fuse: %v", needs.Prefix, err)
	}
	fs := FS{t.TempDir(), os.NewFile(uintptr(fd), "/dev/fuse")}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)
	if err := unix.Mount("mute", fs.Dir, "fuse.mute", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Skipf("%sa FUSE mount: %v", needs.Prefix, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(fs.Dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	const initialize = 26
	opcode, id := fs.request(t)
	if opcode != initialize {
		t.Fatalf("the first request is %d", opcode)
	}
	// struct fuse_out_header and struct fuse_init_out, protocol 7.31.
	answer := make([]byte, 16+64)
	binary.NativeEndian.PutUint32(answer, uint32(len(answer)))
	binary.NativeEndian.PutUint64(answer[8:], id)
	binary.NativeEndian.PutUint32(answer[16:], 7)
	binary.NativeEndian.PutUint32(answer[20:], 31)
	binary.NativeEndian.PutUint32(answer[36:], 4096) // max_write
	if _, err := fs.device.Write(answer); err != nil {
		t.Fatal(err)
	}
	return fs
}

// Asked waits for a request, which then is ours to answer.
func (fs FS) Asked(t testing.TB) { fs.request(t) }

func (fs FS) request(t testing.TB) (opcode uint32, id uint64) {
	t.Helper()
	request := make([]byte, 1<<16)
	n, err := fs.device.Read(request)
	if err != nil || n < 40 {
		t.Fatalf("read a request: %d bytes, %v", n, err)
	}
	return binary.NativeEndian.Uint32(request[4:]), binary.NativeEndian.Uint64(request[8:])
}

// Close ends the file system: all who wait for it get an error.
func (fs FS) Close(t testing.TB) {
	t.Helper()
	if err := fs.device.Close(); err != nil {
		t.Error(err)
	}
}

// Opened answers until somebody has opened a file, whatever its name, and closed it
// again. It has one page of contents, for which whoever reads it waits.
func (fs FS) Opened(t testing.TB) {
	t.Helper()
	const lookup, getattr, open, flush = 1, 3, 14, 25
	for {
		opcode, id := fs.request(t)
		answer := make([]byte, 16, 16+128)
		attr := make([]byte, 88) // struct fuse_attr
		binary.NativeEndian.PutUint64(attr[0:], 2)
		binary.NativeEndian.PutUint64(attr[8:], uint64(os.Getpagesize()))
		binary.NativeEndian.PutUint32(attr[60:], unix.S_IFREG|0o444)
		binary.NativeEndian.PutUint32(attr[64:], 1)
		switch opcode {
		case lookup: // struct fuse_entry_out
			entry := make([]byte, 40)
			binary.NativeEndian.PutUint64(entry, 2)
			answer = append(append(answer, entry...), attr...)
		case getattr: // struct fuse_attr_out
			answer = append(append(answer, make([]byte, 16)...), attr...)
		case open: // struct fuse_open_out
			answer = append(answer, make([]byte, 16)...)
		default:
			noSuchCall := -int32(unix.ENOSYS)
			binary.NativeEndian.PutUint32(answer[4:], uint32(noSuchCall))
		}
		binary.NativeEndian.PutUint32(answer, uint32(len(answer)))
		binary.NativeEndian.PutUint64(answer[8:], id)
		if _, err := fs.device.Write(answer); err != nil {
			t.Fatal(err)
		}
		if opcode == flush {
			return
		}
	}
}
