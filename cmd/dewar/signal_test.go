package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/programs"
)

// foreground is a `dewar run` without a terminal.
type foreground struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner // of stderr
	out   bytes.Buffer
}

func (s *shell) foreground(args ...string) *foreground {
	s.t.Helper()
	f := &foreground{t: s.t, cmd: exec.Command(programs.Path(s.t, "dewar"), args...)}
	f.cmd.Env = append(f.cmd.Environ(), s.env...)
	f.cmd.Stdout = &f.out
	stderr, err := f.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if f.cmd.ProcessState == nil {
			f.cmd.Process.Kill()
			f.cmd.Wait()
		}
	})
	f.lines = bufio.NewScanner(stderr)
	return f
}

// says waits until a line of stderr has text in it.
func (f *foreground) says(text string) {
	f.t.Helper()
	timer := time.AfterFunc(20*time.Second, func() { f.cmd.Process.Kill() })
	defer timer.Stop()
	var before []string
	for f.lines.Scan() {
		if strings.Contains(f.lines.Text(), text) {
			return
		}
		before = append(before, f.lines.Text())
	}
	f.t.Fatalf("it never says %q, but:\n%s", text, strings.Join(before, "\n"))
}

func (f *foreground) signal(sig syscall.Signal) {
	f.t.Helper()
	if err := f.cmd.Process.Signal(sig); err != nil {
		f.t.Fatal(err)
	}
}

func (f *foreground) ends(want int) {
	f.t.Helper()
	timer := time.AfterFunc(30*time.Second, func() { f.cmd.Process.Kill() })
	defer timer.Stop()
	var rest []string
	for f.lines.Scan() {
		rest = append(rest, f.lines.Text())
	}
	err := f.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	if got := f.cmd.ProcessState.ExitCode(); got != want {
		f.t.Errorf("exit status %d, want %d; it said last:\n%s", got, want, strings.Join(rest, "\n"))
	}
}

func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			s := newShell(t)
			f := s.foreground("run", "--task-id", "t", s.file(`
processes:
  - {name: main, cmdline: "exec sleep 100"}
  - {name: last, cmdline: "true", final: true}
`))
			f.says("main/0 started")
			f.signal(sig)
			f.says("asking the task to end")
			f.says("last/0 SUCCESS")
			f.says("task KILLED")
			f.ends(exitKilled)
		})
	}
}

func TestSecondSignal(t *testing.T) {
	s := newShell(t)
	f := s.foreground("run", "--task-id", "t", s.file(`
processes:
  - {name: main, cmdline: "trap '' TERM; while :; do sleep 1; done", stop_timeout: 50}
`))
	f.says("main/0 started")
	f.signal(syscall.SIGTERM)
	f.says("main/0 stopping with TERM")
	f.signal(syscall.SIGTERM)
	f.says("ending the task at once")
	f.ends(exitKilled)
}

// TestRunWakes kills shim and brain of a task that is followed: it goes on.
func TestRunWakes(t *testing.T) {
	s := newShell(t)
	f := s.foreground("run", "--task-id", "t", s.file(`
processes:
  - {name: main, cmdline: "test $DEWAR_RUN != 0 || exec sleep 100", min_duration: 0}
`))
	f.says("main/0 started")
	dir := task.Dir(filepath.Join(s.dir, "tasks/t"))
	deadline := time.Now().Add(20 * time.Second)
	for free := time.Now(); time.Since(free) < 200*time.Millisecond; time.Sleep(2 * time.Millisecond) {
		k, err := launch.WhoKeeps(dir)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("kill %+v: %v", k, err)
		}
		for _, pid := range []int{k.Shim, k.Brain} {
			if pid > 1 {
				free = time.Now()
				syscall.Kill(pid, syscall.SIGKILL) // it may have gone by itself
			}
		}
	}
	f.says("nobody kept task t: a new shim was started")
	f.says("main/0 LOST")
	f.says("main/1 SUCCESS")
	f.ends(exitSuccess)
}

// TestReaderLeaves closes the other end of stdout and stderr: the task is
// followed all the same.
func TestReaderLeaves(t *testing.T) {
	s := newShell(t)
	cmd := exec.Command("/bin/bash", "-c", `{ "$0" run --task-id t "$1" 2>&1; echo $? >status; } | head -n 1`,
		programs.Path(t, "dewar"), s.file(`
processes:
  - {name: a, cmdline: "echo said; sleep 0.1", logger: {destination: console}}
  - {name: b, cmdline: "echo said; exit 5", logger: {destination: console}}
constraints: [{order: [a, b]}]
`))
	cmd.Env, cmd.Dir = append(cmd.Environ(), s.env...), s.dir
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "\n") != 1 {
		t.Errorf("before its reader leaves it says %q (%v)", out, err)
	}
	out, err := os.ReadFile(filepath.Join(s.dir, "status"))
	if err != nil || string(out) != "1\n" {
		t.Errorf("without a reader dewar run ends with %q (%v), want 1", out, err)
	}
}
