package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/soak"
	"golang.org/x/sys/unix"
)

// small is the directory of a small file system of the test's own. The test
// runs once more for it, in a mount namespace of its own, and returns false out
// here.
func small(t *testing.T, kind string) (string, bool) {
	t.Helper()
	needs.Root(t)
	const inside = "DEWAR_TEST_SMALL"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.timeout=5m")
		cmd.Env = append(os.Environ(), inside+"=1", "DEWAR_BIN="+programs)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return "", false
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	switch kind {
	case "tmpfs":
		if err := unix.Mount("small", dir, "tmpfs", 0, "size=2m,mode=755"); err != nil {
			t.Fatal(err)
		}
	case "ext4":
		image := filepath.Join(t.TempDir(), "image")
		for _, command := range [][]string{{"truncate", "-s", "8M", image}, {"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir}} {
			if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
				t.Skipf("needs a loop device with ext4: %v %s", err, out)
			}
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

// fill fills the file system of dir, and leaves so many bytes.
func fill(t *testing.T, dir string, leave int64) (file string) {
	t.Helper()
	file = filepath.Join(dir, "filling")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for chunk := make([]byte, 64<<10); len(chunk) > 0; {
		n, err := f.Write(chunk)
		size += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			chunk = chunk[:len(chunk)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(max(0, size-leave)), f.Close()); err != nil {
		t.Fatal(err)
	}
	return file
}

// full fills the disk under a task, lets one of its processes end on it with
// status 42, and checks that this is recorded. later is what that process does
// when it is run again.
func full(t *testing.T, kind string, leave int64, later string, then func(w *world, filling string)) {
	t.Helper()
	dir, inside := small(t, kind)
	if !inside {
		return
	}
	ends := sh("ends", `[ $DEWAR_RUN = 0 ] || `+later+`; until [ -e "$HOME/go" ]; do sleep 0.01; done; exit 42`)
	ends.MaxFailures = 2
	stays := sh("stays", "exec sleep 1000")
	next := sh("next", "exit 0")
	next.After = append(next.After, after("ends"))
	w := newWorldIn(t, dir, tasks(ends, stays, next))
	w.write(filepath.Join(dir, "wish"), "grace=10\x00by=somebody\x00") // later there is no room for it
	w.start()
	w.untilStarted("ends")
	w.untilStarted("stays")
	filling := fill(t, dir, leave)
	if err := os.Mkdir(w.sandbox("go"), 0o700); err != nil && leave == 0 && kind == "tmpfs" {
		t.Fatal(err)
	} else if err != nil {
		t.Skipf("needs room for a directory: %v", err)
	}
	w.untilRecord("the end of a run is recorded", func(r machine.Record) bool {
		e, ok := r.(machine.Ended)
		return ok && e.Process == "ends" && e.Run == 0
	})
	if got := runs(w.state())[0]; got != "ends/0 FAILED 42 0 " {
		t.Errorf("on a full disk: %q", got)
	}
	then(w, filling)
}

// No exit code is lost, a kill works, and everything goes on when there is room.
func TestFullDisk(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		for _, leave := range leftovers(t) {
			name := kind + strconv.FormatInt(leave>>10, 10)
			t.Run(name+"goeson", func(t *testing.T) {
				t.Parallel()
				full(t, kind, leave, "exit 42", func(w *world, filling string) {
					if err := os.Remove(filling); err != nil {
						t.Fatal(err)
					}
					w.untilRecord("the run is repeated", func(r machine.Record) bool {
						e, ok := r.(machine.Ended)
						return ok && e.Process == "ends" && e.State == machine.RunFailed && e.Run > 0
					})
					s := w.finished()
					if s.State != machine.Failed {
						t.Errorf("the task ended as %s: %s", s.State, s.Reason)
					}
					checkFullRuns(t, runs(s))
				})
			})
			t.Run(name+"killed", func(t *testing.T) {
				t.Parallel()
				full(t, kind, leave, "exec sleep 1000", func(w *world, _ string) {
					w.ask(control.PathKill, `{"grace":"10s"}`, 200)
					if s := w.finished(); s.State != machine.Killed {
						t.Errorf("the task ended as %s: %s", s.State, s.Reason)
					}
				})
			})
			t.Run(name+"wished", func(t *testing.T) {
				t.Parallel()
				full(t, kind, leave, "exec sleep 1000", func(w *world, filling string) {
					wishes(w, filepath.Join(filepath.Dir(filling), "wish"))
					if s := w.finished(); s.State != machine.Killed || s.Kill.By != "somebody" {
						t.Errorf("the task ended as %s: %s, %+v", s.State, s.Reason, s.Kill)
					}
				})
			})
		}
	}
}

// wishes makes a file that holds a wish to end the task the standing one, and
// tells the shim.
func wishes(w *world, file string) {
	w.Helper()
	if err := os.Rename(file, w.dir.Shutdown()); err != nil {
		w.Fatal(err)
	}
	if err := unix.Kill(w.holder(w.dir.ShimLock()), unix.SIGTERM); err != nil {
		w.Fatal(err)
	}
}

// leftovers are how much room a full disk still has, in bytes.
func leftovers(t *testing.T) []int64 {
	sizes := []int64{0, 4 << 10, 12 << 10}
	for i := range soak.Times(t, 1) - 1 {
		sizes = append(sizes, int64(5+i)<<12)
	}
	return sizes
}

// checkFullRuns allows runs that were lost for want of room, and no failure
// but those of the process' own.
func checkFullRuns(t *testing.T, lines []string) {
	t.Helper()
	failed := 0
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "ends/") && strings.HasSuffix(line, " FAILED 42 0 "):
			failed++
		case strings.Contains(line, " LOST "), line == "stays/0 KILLED -1 15 ":
		default:
			t.Errorf("unexpected: %s", line)
		}
	}
	if failed != 2 {
		t.Error(fmt.Sprint(failed), "failures, want 2: ", lines)
	}
}
