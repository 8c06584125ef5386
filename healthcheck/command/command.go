package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Place is where a command runs: in the place of a run, or of the task as a
// whole.
type Place struct {
	// Spec is the run's, without walls: whose, where, environment, umask, limits
	// and priorities. Its command, logs, socket and groups are not looked at.
	Spec shim.Spec
	Main int    // pid of the run's main process, which becomes DEWAR_PID; 0: there is none
	Run  string // the run's directory if it has walls, behind which the command goes; else empty

	// Behind, if it is not nil, says Run anew each time, from any goroutine: the
	// task as a whole is behind the walls of whichever of its runs lives.
	Behind func() (run string, err error)
}

// Command is what is run. Exactly one of Shell and Argv.
type Command struct {
	Place
	Name  string   // of its group, at most 200 bytes; who has the same name waits until the one before is gone
	Shell string   // run by /bin/bash -c
	Argv  []string // executed without a shell
	Env   []string // NAME=value beside, and instead of, the place's
	Keep  int      // how many bytes of the end of its output are kept; 0: 4096
}

// Result is how a command ended.
type Result struct {
	Exit   int            // its exit status, or -1: Signal, Late, Cut or Why say more
	Signal syscall.Signal // that ended it, but for ours at the deadline; else 0
	Late   bool           // its time was over: it was killed
	Cut    bool           // it was killed because the runner or the asker was closed
	Memory int64          // something of it was killed for want of memory, at this limit in bytes; else 0

	Why  string // why it was not executed, a sentence; empty: it was
	Ours bool   // of Why: it is not the command's fault, and another time may be better
	Gone bool   // of Why: there is no such program, or it may not be executed

	Output []byte        // the end of stdout and stderr, mixed as they came
	Took   time.Duration // until its main process had ended, or its time was over
}

// OK says that it ended with exit status 0.
func (r Result) OK() bool { return r.Exit == 0 }

// mark is by what those are found who were executed by a command.
const mark = "DEWAR_COMMAND="

// spec is what the command is forked with.
func (c *Command) spec(container string) (shim.Spec, error) {
	argv, err := sandbox.Command(task.Process{Name: c.Name, Cmdline: c.Shell, Argv: c.Argv})
	if err != nil {
		return shim.Spec{}, &shim.Failure{Sentence: err.Error(), Errno: syscall.ENOENT, Command: true}
	}
	run := c.Run
	if c.Behind != nil {
		if run, err = c.Behind(); err != nil {
			return shim.Spec{}, err
		}
	}
	s := c.Spec
	s.Args, s.Counts, s.Group, s.Joins = argv, nil, "", nil
	extra := slices.Concat([]string{mark + c.Name}, c.Env)
	if run == "" {
		if c.Main > 0 {
			extra = append(extra, "DEWAR_PID="+strconv.Itoa(c.Main))
		}
		s.Env = with(without(s.Env, "NOTIFY_SOCKET"), extra) // who asks is not who is to be ready
		return s, nil
	}
	if container == "" {
		return s, errors.New("there is no dewar-container")
	}
	const builderUmask = 0o022
	s.Args = slices.Concat([]string{container, "enter", "--beside", run}, extra, []string{"--"}, argv)
	s.Env = with(marks(s.Env), extra[:1])
	s.UID, s.GID, s.Groups, s.User = 0, 0, nil, "root"
	s.Umask, s.NoNewPrivs, s.Cwd = builderUmask, false, "/"
	s.Rlimits, s.Capped = nil, nil
	return s, nil
}

// with is an environment in which some entries stand for those of their names.
func with(env, some []string) []string {
	out := slices.Clone(env)
	for _, e := range some {
		name, _, _ := strings.Cut(e, "=")
		out = append(without(out, name), e)
	}
	return out
}

func without(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, name+"=") })
}

// marks are those of an environment by which the task's processes are found.
func marks(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool { return !strings.HasPrefix(e, "DEWAR_") })
}

// settle is the result of a command that was not executed.
func (c *Command) settle(err error) Result {
	r := Result{Exit: -1, Why: err.Error(), Ours: true}
	if f := (*shim.Failure)(nil); errors.As(err, &f) && f.Errno != 0 && !scarce(err) {
		r.Ours = false
		r.Gone = f.Command && slices.Contains(hopeless, f.Errno) && !c.mayAppear()
	}
	return r
}

// hopeless is what execve(2) says of a program that is none.
var hopeless = []syscall.Errno{syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES, syscall.ENOEXEC, syscall.EISDIR, syscall.ELOOP}

// scarce says that an error is want of something of ours.
func scarce(err error) bool {
	return slices.ContainsFunc([]error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.EINTR},
		func(short error) bool { return errors.Is(err, short) })
}

// mayAppear says that the task itself may yet make the program, in its sandbox.
func (c *Command) mayAppear() bool {
	if len(c.Argv) == 0 {
		return false
	}
	inSandbox := func(path string) bool {
		return !filepath.IsAbs(path) || strings.HasPrefix(filepath.Clean(path)+"/", filepath.Clean(c.Spec.Cwd)+"/")
	}
	if strings.Contains(c.Argv[0], "/") {
		return inSandbox(c.Argv[0])
	}
	for _, e := range with(c.Spec.Env, c.Env) {
		if path, ok := strings.CutPrefix(e, "PATH="); ok {
			return slices.ContainsFunc(strings.Split(path, ":"), inSandbox)
		}
	}
	return false
}

// wallWords is what dewar-container says, with exit status 111, when it has not
// executed a command.
const wallWords = "dewar-container: "

// unwall makes of a result behind walls one that was not executed, if so.
func (c *Command) unwall(r Result) Result {
	const systemFailed = 111
	if c.Run == "" && c.Behind == nil || r.Exit != systemFailed {
		return r
	}
	lines := strings.Split(strings.TrimSpace(string(r.Output)), "\n")
	why, ok := strings.CutPrefix(lines[len(lines)-1], wallWords)
	if !ok {
		return r
	}
	err := errors.New(why)
	for _, errno := range hopeless {
		// strerror(3) begins with a capital
		if strings.HasPrefix(why, "execute ") && strings.HasSuffix(strings.ToLower(why), strings.ToLower(errno.Error())) {
			err = &shim.Failure{Sentence: why, Errno: errno, Command: true}
		}
	}
	out := c.settle(err)
	out.Took = r.Took
	return out
}

// lateBy is how long after its deadline an answer may come.
const lateBy = 40 * time.Millisecond

// newPipe is what the command writes to and we read from. Its end is the
// command's own, who can so open /dev/stdout.
func newPipe(uid, gid int) (ours, theirs *os.File, err error) {
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	ours, theirs = nil, os.NewFile(uintptr(p[1]), "output")
	if err = syscall.SetNonblock(p[0], true); err == nil && os.Geteuid() == 0 {
		err = syscall.Fchown(p[1], uid, gid)
	}
	ours = os.NewFile(uintptr(p[0]), "output")
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, nil, fmt.Errorf("get a pipe ready: %w", err)
	}
	return ours, theirs, nil
}
