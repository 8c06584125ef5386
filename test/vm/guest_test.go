package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// vm is the program itself: a test binary with the race detector is linked
// dynamically and cannot be an init.
func vm(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	needs.Guest(t)
	cmd := exec.Command(programs.Path(t, "test/vm"), args...)
	cmd.Dir = "/"
	return cmd
}

// TestGuests are tests of guests that run side by side, as far as the machine
// bears it.
func TestGuests(t *testing.T) {
	needs.Guest(t)
	if out, err := vm(t, "-fetch").CombinedOutput(); err != nil {
		t.Fatalf("vm -fetch: %v\n%s", err, out)
	}
	t.Run("together", func(t *testing.T) {
		for _, c := range []struct {
			name      string
			args      []string
			status    int
			out, errs string
		}{
			{"output and status", []string{"sh", "-c", "echo to out; echo to err >&2; cat /proc/self/cgroup; exit 7"}, 7, "to out\n0::/vm\n", "to err\n"},
			{"signal", []string{"sh", "-c", "kill -9 $$"}, 137, "", ""},
			{"not found", []string{"dewar-not-there"}, 127, "", "vm: find dewar-not-there: exec: \"dewar-not-there\": executable file not found in $PATH\n"},
			{"panic", []string{"sh", "-c", "echo c >/proc/sysrq-trigger"}, 125, "", "vm: the guest's kernel has panicked: sysrq triggered crash\n"},
			{"delegated", []string{"-delegate", "-user", "nobody", "sh", "-c", "id -un; mkdir /sys/fs/cgroup/vm/a && echo 0 >/sys/fs/cgroup/vm/a/cgroup.procs && echo +memory >/sys/fs/cgroup/vm/cgroup.subtree_control && cat /proc/self/cgroup"}, 0, "nobody\n0::/vm/a\n", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				cmd := vm(t, c.args...)
				var out, errs strings.Builder
				cmd.Stdout, cmd.Stderr = &out, &errs
				err := cmd.Run()
				if got := cmd.ProcessState.ExitCode(); got != c.status || out.String() != c.out || errs.String() != c.errs {
					t.Errorf("exit status %d (%v), out %q, err %q\nwant %d, out %q, err %q", got, err, out.String(), errs.String(), c.status, c.out, c.errs)
				}
			})
		}
	})
}

// TestHangEndsInTime is a command that never ends: vm does, and takes qemu
// along.
func TestHangEndsInTime(t *testing.T) {
	cmd := vm(t, "-timeout", "5s", "sleep", "1000")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "qemu and virtiofsd", func() bool { return len(children(t, cmd.Process.Pid)) == 2 })
	started := children(t, cmd.Process.Pid)
	err := cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != statusTimeout || !strings.Contains(errs.String(), "no end within the time allowed (5s)") {
		t.Errorf("exit status %d (%v) after %v: %s", got, err, time.Since(begun), errs.String())
	}
	if left := alive(started); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

// TestKilledWithItsGuest kills vm as go test does when it loses patience.
func TestKilledWithItsGuest(t *testing.T) {
	cmd := vm(t, "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "qemu and virtiofsd", func() bool { return len(children(t, cmd.Process.Pid)) == 2 })
	started := children(t, cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it was killed, and ended well")
	}
	t.Cleanup(func() {
		for _, pid := range alive(started) {
			t.Logf("kill process %d: %v", pid, syscall.Kill(pid, syscall.SIGKILL))
		}
	})
	waitFor(t, "the end of its processes", func() bool { return len(alive(started)) == 0 })
}

func waitFor(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !there(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) []int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			return nil // the thread has ended meanwhile; look again
		}
		for word := range strings.FieldsSeq(string(text)) {
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, n)
		}
	}
	return all
}

func alive(pids []int) []int {
	var left []int
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			left = append(left, pid)
		}
	}
	return left
}
