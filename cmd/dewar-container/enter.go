//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
)

// visit is a command inside of a run that lives.
type visit struct {
	dir     string
	beside  bool     // it stays in our own groups
	env     []string // for the run's of these names
	command []string
}

func visitOf(dir string, rest []string, beside bool) visit {
	v := visit{dir: dir, beside: beside, command: rest}
	if at := slices.Index(rest, "--"); at >= 0 {
		v.env, v.command = rest[:at], rest[at+1:]
	}
	if len(v.command) == 0 {
		v.command = []string{"/bin/sh"}
	}
	return v
}

// enterMain returns only when the command could not be executed.
func enterMain(v visit) int {
	logrus.SetOutput(io.Discard)
	fmt.Fprintln(os.Stderr, "dewar-container:", enter(v))
	return exitSystem
}

// enter starts a command inside of a run, and becomes @hold. It answers why it
// could not.
func enter(v visit) error {
	if os.Geteuid() != 0 {
		return errors.New("enter a run behind walls: only root can")
	}
	if errno := startError(); errno != 0 {
		return fmt.Errorf("make a mount namespace of our own: %w", errno)
	}
	dir, err := filepath.Abs(v.dir)
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
	in, err := enterBox(dir, w, v)
	if err != nil {
		return fmt.Errorf("enter %s: %w", w.Run, err)
	}
	return in.hold("enter", dir, v.command[0], limits(w))
}

func enterBox(dir string, w container.Walls, v visit) (*inside, error) {
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
	if !v.beside {
		if err := joinGroups(state.InitProcessPid); err != nil {
			return nil, err
		}
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
	in.process.Env = v.environ(in.process.Env, state.InitProcessPid, w)
	in.args("exec", v.command)
	return in, in.start(box)
}

// environ is the command's, made of the run's.
func (v *visit) environ(env []string, first int, w container.Walls) []string {
	env = without(env, "NOTIFY_SOCKET") // who enters is not who is to say that the run is ready
	extra := slices.Clone(v.env)
	if term := os.Getenv("TERM"); term != "" {
		extra = append(extra, "TERM="+term)
	}
	if pid := mainInside(first, w); v.beside && pid != "" {
		extra = append(extra, "DEWAR_PID="+pid)
	}
	for _, e := range extra {
		name, _, _ := strings.Cut(e, "=")
		env = append(without(env, name), e)
	}
	return env
}

// mainInside is the number of the run's command as it is seen inside, where the
// first process is the command itself, or the init whose first child it is.
func mainInside(first int, w container.Walls) string {
	if w.Isolation.PID != "private" {
		return strconv.Itoa(first)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", first, first))
	if err != nil || len(strings.Fields(string(children))) == 0 {
		return ""
	}
	status, err := os.ReadFile("/proc/" + strings.Fields(string(children))[0] + "/status")
	if err != nil {
		return ""
	}
	_, numbers, _ := strings.Cut(string(status), "\nNSpid:")
	numbers, _, _ = strings.Cut(numbers, "\n")
	all := strings.Fields(numbers)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
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
