package cgroup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/test/needs"
)

// A process that waits for an answer of a file system that gives none can be
// killed by nobody: Kill says so, in time, with where it waits; and once the
// file system is gone, it is killed.
func TestKillWhatSleepsUninterruptibly(t *testing.T) {
	needs.Root(t)
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	fs := mute(t)
	other := start(t, g, "stubborn") // dies of the same Kill
	s := start(t, g, "open "+fs.dir+"/file")
	fs.asked(t)
	// The first KILL makes it wait uninterruptibly, the second finds it so.
	for range 2 {
		begun := time.Now()
		err := g.Kill(within(t, time.Second))
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("Kill took %v", took)
		}
		var alive *Alive
		if !errors.As(err, &alive) {
			t.Fatalf("Kill: %v", err)
		}
		if one := alive.Procs[0]; len(alive.Procs) != 1 || one.Pid != s.Process.Pid || one.State != "D" {
			t.Errorf("%+v", alive)
		}
		if text := err.Error(); !strings.Contains(text, strconv.Itoa(s.Process.Pid)) || !strings.Contains(text, "request_wait_answer") {
			t.Errorf("neither pid nor wait channel: %s", text)
		}
		t.Log(err)
	}
	other.dies(t)
	if full, err := g.Populated(); !full || err != nil {
		t.Errorf("populated: %v, %v", full, err)
	}
	if err := g.Remove(within(t, time.Second)); err == nil {
		t.Error("the group of a process that lives was removed")
	}
	closed(t, fs.device)
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
}

// muted is a FUSE mount that takes requests and does not answer.
type muted struct {
	device *os.File
	dir    string
}

func mute(t *testing.T) muted {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("%s/dev/fuse: %v", needs.Prefix, err)
	}
	fs := muted{os.NewFile(uintptr(fd), "/dev/fuse"), t.TempDir()}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)
	if err := unix.Mount("mute", fs.dir, "fuse.mute", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Skipf("%sa FUSE mount: %v", needs.Prefix, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(fs.dir, unix.MNT_DETACH); err != nil {
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

// asked waits for a request, which then is ours to answer.
func (fs muted) asked(t *testing.T) { fs.request(t) }

func (fs muted) request(t *testing.T) (opcode uint32, id uint64) {
	t.Helper()
	request := make([]byte, 1<<16)
	n, err := fs.device.Read(request)
	if err != nil || n < 40 {
		t.Fatalf("read a request: %d bytes, %v", n, err)
	}
	return binary.NativeEndian.Uint32(request[4:]), binary.NativeEndian.Uint64(request[8:])
}
