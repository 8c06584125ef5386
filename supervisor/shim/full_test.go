package shim_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// small makes a task's directory on a file system of its own.
func small(t *testing.T, kind string) task.Dir {
	t.Helper()
	needs.Root(t)
	dir := t.TempDir()
	var err error
	switch kind {
	case "tmpfs":
		err = syscall.Mount("none", dir, "tmpfs", 0, "size=1m")
	case "ext4", "ext3":
		image := filepath.Join(t.TempDir(), "image")
		if err = os.WriteFile(image, nil, 0o600); err == nil {
			err = os.Truncate(image, 4<<20)
		}
		if err == nil {
			options := "^has_journal"
			if kind == "ext3" { // which cannot set blocks aside without writing them
				options += ",^extent,^64bit"
			}
			err = mountImage(needs.Program(t, "mkfs.ext4"), needs.Program(t, "mount"), options, image, dir)
		}
	}
	if err != nil {
		t.Skip("needs: a file system of its own: " + err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(dir+"/sandbox", 0o755); err != nil {
		t.Fatal(err)
	}
	return task.Dir(dir)
}

// fill leaves no byte.
func fill(t *testing.T, dir task.Dir) (empty func()) {
	t.Helper()
	path := string(dir) + "/ballast"
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; size /= 2 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// link makes a name where no file could be made.
func link(t *testing.T, r *rig, name string) {
	t.Helper()
	if err := os.Link(filepath.Join(r.dir.Sandbox(), "touchable"), filepath.Join(r.dir.Sandbox(), name)); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk costs no exit code and no kill, starts nothing new, and says
// what is missing from a log.
func TestFullDisk(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4", "ext3"} {
		t.Run(kind, func(t *testing.T) {
			dir := small(t, kind)
			r := startIn(t, dir)
			ends := r.spawn("ends", "while [ ! -e /proc/self/cwd/go ]; do sleep 0.01; done; head -c 5000 /dev/zero >&2; exit 42", dest("none"))
			killed := r.spawn("killed", "sleep 1000")
			deaf := r.spawn("deaf", deafMember+"sleep 1000")
			logs := r.spawn("logs", "while [ ! -e speak ]; do sleep 0.01; done; echo lost; ln touchable lost; while [ ! -e again ]; do sleep 0.01; done; echo kept", rotate(10000, 1))
			for _, id := range []task.RunID{ends, killed, deaf, logs} {
				r.hear(shim.BellStarted, id)
			}
			until(t, "the deaf one has its child", func() bool { return exists(filepath.Join(r.dir.Sandbox(), "member")) })
			late := run("late", 0)
			if err := client.WriteSpec(r.dir, late, r.spec(late, "true")); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mknod(filepath.Join(r.dir.Sandbox(), "touchable"), syscall.S_IFREG|0o644, 0); err != nil {
				t.Fatal(err)
			}
			empty := fill(t, dir)

			// First, because every end makes a little room.
			link(t, r, "speak")
			until(t, "the line is in the pipe", func() bool { return exists(filepath.Join(r.dir.Sandbox(), "lost")) })
			for range 2 { // what was there before the first is read before the second
				if _, err := r.conn.List(); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.conn.Spawn(late); err == nil || !strings.Contains(err.Error(), "no space left on device") {
				t.Errorf("a spawn: %v", err)
			}
			link(t, r, "go")
			if s := r.ended(ends); s.Exit != 42 || len(s.Tail) != shim.MaxTail {
				t.Errorf("ends: %+v", s)
			}
			if err := r.conn.Signal(killed, 15, task.StopGroup); err != nil {
				t.Error(err)
			}
			if s := r.ended(killed); s.Signal != 15 || len(s.Signals) != 1 {
				t.Errorf("killed: %+v", s)
			}
			if err := r.conn.Kill(deaf); err != nil {
				t.Error(err)
			}
			if s := r.ended(deaf); s.Signal != 9 || len(s.Signals) != 1 {
				t.Errorf("deaf: %+v", s)
			}

			empty()
			if err := os.WriteFile(filepath.Join(r.dir.Sandbox(), "again"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			s := r.ended(logs)
			got := r.log(logs, "stdout")
			if s.Dropped != 5 || got != "\n[dewar: 5 bytes of this log could not be written: no space left on device]\nkept\n" {
				t.Errorf("logs: %+v, %q", s, got)
			}
			if s := r.ended(r.spawn("after", "exit 3")); s.Exit != 3 {
				t.Errorf("after: %+v", s)
			}
		})
	}
}

// mountImage makes an ext4 in a file and mounts it.
func mountImage(mkfs, mount, options, image, dir string) error {
	if out, err := exec.Command(mkfs, "-q", "-O", options, image).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	if out, err := exec.Command(mount, "-o", "loop", image, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	return nil
}
