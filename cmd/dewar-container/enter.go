//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
)

// enterMain returns only when the command could not be executed.
func enterMain(dir string, args []string) int {
	logrus.SetOutput(io.Discard)
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		args = []string{"/bin/sh"}
	}
	fmt.Fprintln(os.Stderr, "dewar-container:", enter(dir, args))
	return exitSystem
}

// enter starts a command inside of a run, and becomes @hold. It answers why it
// could not.
func enter(dir string, args []string) error {
	if os.Geteuid() != 0 {
		return errors.New("enter a run behind walls: only root can")
	}
	if errno := startError(); errno != 0 {
		return fmt.Errorf("make a mount namespace of our own: %w", errno)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	w, err := container.Read(dir)
	if err != nil {
		return err
	}
	if err := keepOutput(); err != nil {
		return err
	}
	in, err := enterBox(dir, w, args)
	if err != nil {
		return fmt.Errorf("enter %s: %w", w.Run, err)
	}
	return in.hold("enter", dir, args[0], limits(w))
}

func enterBox(dir string, w container.Walls, args []string) (*inside, error) {
	box, err := libcontainer.Load(filepath.Join(dir, container.StateName), boxID)
	if err != nil {
		return nil, err
	}
	state, err := box.State()
	if err != nil {
		return nil, err
	}
	if status, err := box.Status(); err != nil || status != libcontainer.Running {
		return nil, fmt.Errorf("it does not run any more, or not yet (%v)", status)
	}
	if err := joinGroups(state.InitProcessPid); err != nil {
		return nil, err
	}
	if err := takeStanding(state.InitProcessPid); err != nil {
		return nil, err
	}
	// A process of the run's pid that we saw since was not necessarily the run's.
	if status, err := box.Status(); err != nil || status != libcontainer.Running {
		return nil, fmt.Errorf("it has just ended (%v)", status)
	}
	s, err := newStage(dir, w)
	if err != nil {
		return nil, err
	}
	// Where libcontainer starts from; behind the walls it is another root.
	if err := os.Mkdir(s.root(), 0o700); err != nil {
		return nil, fmt.Errorf("make a place to start from: %w", err)
	}
	in, err := newInside(w, s.self)
	if err != nil {
		return nil, err
	}
	in.process.Env = without(in.process.Env, "NOTIFY_SOCKET") // who enters is not who is to say that the run is ready
	if term := os.Getenv("TERM"); term != "" {
		in.process.Env = append(without(in.process.Env, "TERM"), "TERM="+term)
	}
	in.args("exec", args)
	return in, in.start(box)
}

// takeStanding makes the kernel's regard for us that for a process: its priority,
// and its place in the order in which a lack of memory kills. Ours are the
// caller's, whom it may be told to spare. Who may not better his own keeps it.
func takeStanding(pid int) error {
	score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err == nil {
		err = os.WriteFile("/proc/self/oom_score_adj", score, 0)
	}
	if err != nil && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("take over the run's OOM score: %w", err)
	}
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, 0, 20-nice) // as the system call has it
	}
	if err != nil && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("take over the run's priority: %w", err)
	}
	return nil
}

// without is an environment less one variable.
func without(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, name+"=") })
}

// keepOutput puts stdout and stderr where newInside takes them from.
func keepOutput() error {
	for from, to := range map[int]int{1: keptStdout, 2: keptStderr} {
		if err := unix.Dup3(from, to, unix.O_CLOEXEC); err != nil {
			return fmt.Errorf("keep descriptor %d: %w", from, err)
		}
	}
	return nil
}
