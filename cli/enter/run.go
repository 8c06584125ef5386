package enter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/supervisor/shim"
)

// Stdio are the caller's three streams.
type Stdio struct{ In, Out, Err *os.File }

// interactive says that a person sits there: the command gets a terminal.
func (s Stdio) interactive() bool {
	return term.IsTerminal(int(s.In.Fd())) && term.IsTerminal(int(s.Out.Fd()))
}

// forwarded are the signals that the command gets too.
var forwarded = []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2}

// Execute executes args in a place and waits for its end: the status is its exit
// status, or 128 and the number of the signal that ended it. The error says why
// it was not executed. containerProgram is dewar-container's path; it is used
// for walls only.
func (p Place) Execute(args []string, stdio Stdio, containerProgram string) (status int, err error) {
	// The kernel kills the command when the thread that has forked it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)

	c := &command{place: p, stdio: stdio}
	if stdio.interactive() {
		if c.pty, err = openPty(p.UID); err != nil {
			return 0, err
		}
		defer c.pty.close()
	}
	if p.Walled {
		err = c.startWalled(args, containerProgram)
	} else {
		err = c.start(args)
	}
	if err != nil {
		return 0, err
	}
	return c.wait(signals)
}

// command is what was started.
type command struct {
	place Place
	stdio Stdio
	pty   *pty // nil: it has the caller's streams
	cmd   *exec.Cmd
}

// prepare gives the command its streams, and a session of its own.
func (c *command) prepare(ctty bool) {
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = c.stdio.In, c.stdio.Out, c.stdio.Err
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL}
	if c.pty != nil {
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = c.pty.slave, c.pty.slave, c.pty.slave
		c.cmd.SysProcAttr.Setctty = ctty
	}
}

// startWalled leaves it to dewar-container, which gives the command a terminal
// as its controlling one itself.
func (c *command) startWalled(args []string, program string) error {
	if err := container.Available(program); err != nil {
		return err
	}
	c.cmd = exec.Command(program, append([]string{"enter", c.place.RunDir, "--"}, args...)...)
	c.prepare(false)
	return c.cmd.Start()
}

// start executes the step, hands it its order, and hears whether the command
// was executed.
func (c *command) start(args []string) error {
	orderOut, orderIn, err1 := os.Pipe()
	wordOut, wordIn, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("start the command: %w", err)
	}
	defer wordOut.Close()
	c.cmd = exec.Command("/proc/self/exe", StepName)
	c.cmd.Args[0] = "dewar"
	c.cmd.ExtraFiles = []*os.File{orderOut, wordIn}
	c.prepare(true)
	err := c.cmd.Start()
	orderOut.Close()
	wordIn.Close()
	if err != nil {
		orderIn.Close()
		return fmt.Errorf("start the command: %w", err)
	}
	o := order{Place: c.place, Args: args, Parent: os.Getpid()}
	if termType := os.Getenv("TERM"); c.pty != nil && termType != "" {
		o.Env = append(withoutTerm(o.Env), "TERM="+termType)
	}
	err = json.NewEncoder(orderIn).Encode(o)
	err = errors.Join(err, orderIn.Close())
	said, readErr := io.ReadAll(io.LimitReader(wordOut, 1<<16))
	switch sentence, failed := strings.CutPrefix(strings.TrimPrefix(string(said), "R"), "E"); {
	case failed:
		err = errors.New(sentence)
	case string(said) == "R":
		return nil
	default:
		err = errors.Join(errors.New("the step before the command ended without a word: a limit of the task, or its end, has ended it"), err, readErr)
	}
	c.cmd.Wait() // it has said what there is to say
	return fmt.Errorf("run %s in the place of %s: %w", args[0], c.place.Run.Process, err)
}

func withoutTerm(env []string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, "TERM=") {
			out = append(out, e)
		}
	}
	return out
}

// wait waits for the command's end. Signals of ours become its own.
func (c *command) wait(signals <-chan os.Signal) (int, error) {
	done := make(chan struct{})
	var owned sync.WaitGroup
	owned.Go(func() {
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				_ = unix.Kill(-c.cmd.Process.Pid, s.(syscall.Signal)) // it may have just ended
			}
		}
	})
	var restore func()
	if c.pty != nil {
		restore = c.pty.relay(c.stdio)
	}
	err := c.cmd.Wait()
	close(done)
	owned.Wait()
	if restore != nil {
		restore()
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for the command: %w", err)
	}
	if how := c.cmd.ProcessState.Sys().(syscall.WaitStatus); how.Signaled() {
		return 128 + int(how.Signal()), nil
	}
	return c.cmd.ProcessState.ExitCode(), nil
}

// dying is how long the two that one KILL of a group has hit may die apart.
const dying = time.Second

// Over says that the run in whose place the command lived has ended. It waits a
// moment for that: a group is killed at once, and dies one by one.
func (p Place) Over() bool {
	fd, err := unix.PidfdOpen(p.Main, 0)
	if err != nil { // gone, or no descriptors of processes before 5.3
		return !shim.Alive(p.Main, p.Start)
	}
	defer unix.Close(fd)
	for end := time.Now().Add(dying); shim.Alive(p.Main, p.Start); {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		wait := unix.NsecToTimespec(int64(left))
		if _, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, &wait, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
	}
	return true
}
