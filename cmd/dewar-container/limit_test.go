//go:build linux && cgo

package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
)

// Under any limit the command is started, or could not be: no exit status is
// invented, and nothing of ours is in the command's output.
func TestTightGroups(t *testing.T) {
	w := newWorld(t)
	for file, limits := range map[string][]string{
		"pids/pids.max":                {"1", "2", "3", "5", "8", "12", "100"},
		"memory/memory.limit_in_bytes": {"524288", "4194304", "8388608", "12582912", "67108864"},
	} {
		controller, name, _ := strings.Cut(file, "/")
		base := "/sys/fs/cgroup/" + controller
		if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil { // v2
			base, name = "/sys/fs/cgroup", controller+".max"
			w.must(os.WriteFile(base+"/cgroup.subtree_control", []byte("+"+controller), 0))
		} else if _, err := os.Stat(base + "/cgroup.procs"); err != nil {
			t.Skip(needs.Prefix + "the control group controller " + controller)
		}
		group := base + "/dewar-walls-" + controller + strings.ReplaceAll(w.dir, "/", "-")
		w.must(os.Mkdir(group, 0o755))
		t.Cleanup(func() {
			w.shell("until rmdir " + group + " 2>/dev/null || ! test -e " + group + "; do sleep 0.05; done")
		})
		started := 0
		for _, limit := range limits {
			w.must(os.WriteFile(group+"/"+name, []byte(limit), 0))
			r := w.startIn(group, withPid(task.Private), nobody, "sh", "-c", "exit 42")
			code, out := r.end()
			s := r.unstarted()
			if (code == 42) != (s == "") && code != -9 || out != "" {
				t.Errorf("%s %s: ended with %d, %q, %q", file, limit, code, out, s)
			}
			if code == 42 {
				started++
			}
		}
		if started == 0 || started == len(limits) {
			t.Errorf("%s: %d of %d were started", file, started, len(limits))
		}
	}
}

// Who enters from a terminal has it, and is signalled by it.
func TestEnterWithATerminal(t *testing.T) {
	w := newWorld(t)
	r := w.start(withPid(task.Private), nobody, "sh", "-c", "echo ready; exec sleep 1000")
	r.await("ready")
	master, slave := terminal(t)
	cmd := exec.Command(programs.Path(t, container.Program), "enter", r.dir, "--", "sh", "-c", "test -t 0 && echo on >/dev/tty; exec cat")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = []string{"TERM=vt100"}
	w.must(cmd.Start())
	slave.Close()
	said := make([]byte, 0, 100)
	for buf := make([]byte, 100); !strings.Contains(string(said), "on\r\n"); {
		n, err := master.Read(buf)
		if err != nil {
			t.Fatalf("%v, after %q", err, said)
		}
		said = append(said, buf[:n]...)
	}
	if _, err := master.Write([]byte{3}); err != nil { // ^C
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("after ^C: %v", err)
	}
	w.must(r.cmd.Process.Kill())
	r.end()
}

// terminal is a pseudo-terminal that no session has.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	fd, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		t.Fatal(errno)
	}
	return master, os.NewFile(fd, "terminal")
}
