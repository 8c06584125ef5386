package enter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/shim"
)

// StepName is the argument by which our program is the step.
const StepName = "exec-step"

// The step's descriptors beside the command's three.
const (
	orderFd = 3 // an order as JSON, to the end
	wordFd  = 4 // R before the command is executed, or E and a sentence
)

// order is what the step is to do.
type order struct {
	Place
	Args   []string
	Parent int // our pid: without us there is nothing to do
}

// Step is the whole of the program between fork and command. It returns only if
// the command was not executed; the sentence has been sent then.
func Step() {
	runtime.LockOSThread() // it becomes the command
	word := os.NewFile(wordFd, "word")
	_, _ = word.WriteString("E" + step().Error()) // who does not hear it has gone
}

// step is an error: without one it is the command.
func step() error {
	text, err := io.ReadAll(os.NewFile(orderFd, "order"))
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read what is to be done: %w", err)
	}
	if err := closeOthers(orderFd); err != nil {
		return err
	}
	if err := o.prepare(); err != nil {
		return err
	}
	calls, err := o.calls()
	if err != nil {
		return err
	}
	debug.SetGCPercent(-1)
	return run(calls)
}

// closeOthers has the execve close every descriptor from first on: ours, and
// those that the caller's caller has left open, which may be of files that are
// not for the task's user.
func closeOthers(first int) error {
	if err := unix.CloseRange(uint(first), math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd") // before kernel 5.11
	if err != nil {
		return fmt.Errorf("close what was left open: %w", err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// prepare does what hurts nobody: from the caller's groups, as the caller.
func (o *order) prepare() error {
	for _, l := range o.Rlimits {
		if err := l.set(); err != nil {
			return err
		}
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, o.Nice); err != nil && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("set the priority: %w", err)
	}
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(o.OOMScore)), 0); err != nil && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("set the OOM score: %w", err)
	}
	return nil
}

// call is one system call of the last part.
type call struct {
	what string
	nr   uintptr
	args [5]uintptr
	want func(result uintptr) bool // nil: whatever is no error
	keep any                       // what its arguments point to
	may  bool                      // a failure is for the next one to say
}

// calls is the last part: nothing in it needs the Go runtime.
func (o *order) calls() ([]call, error) {
	list, err := o.joins()
	if err != nil {
		return nil, err
	}
	add := func(what string, nr uintptr, keep any, args ...uintptr) {
		c := call{what: what, nr: nr, keep: keep}
		copy(c.args[:], args)
		list = append(list, c)
	}
	cwd, err := unix.BytePtrFromString(o.Cwd)
	if err != nil {
		return nil, err
	}
	add("enter the working directory "+o.Cwd, unix.SYS_CHDIR, cwd, uintptr(unsafe.Pointer(cwd)))
	if os.Geteuid() == 0 {
		groups := make([]uint32, len(o.Groups)+1)
		for i, g := range o.Groups {
			groups[i] = uint32(g)
		}
		u, g := uintptr(o.UID), uintptr(o.GID)
		who := fmt.Sprintf("become %s (uid %d, gid %d)", o.User, o.UID, o.GID)
		add(who, unix.SYS_SETGROUPS, groups, uintptr(len(o.Groups)), uintptr(unsafe.Pointer(&groups[0])))
		add(who, unix.SYS_SETRESGID, nil, g, g, g)
		add(who, unix.SYS_SETRESUID, nil, u, u, u)
	}
	add("set the umask", unix.SYS_UMASK, nil, uintptr(o.Umask))
	if o.NoNewPrivs {
		add("set no_new_privs", unix.SYS_PRCTL, nil, unix.PR_SET_NO_NEW_PRIVS, 1)
	}
	add("set the parent-death signal", unix.SYS_PRCTL, nil, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	add("go on: dewar exec has ended", unix.SYS_GETPPID, nil)
	list[len(list)-1].want = func(ppid uintptr) bool { return int(ppid) == o.Parent }
	ready := []byte{'R'}
	add("tell dewar exec", unix.SYS_WRITE, ready, wordFd, uintptr(unsafe.Pointer(&ready[0])), 1)
	commands, err := o.commands()
	return append(list, commands...), err
}

// joins enters the groups, and looks then whether there is still a run in them.
func (o *order) joins() (list []call, err error) {
	main, err := unix.PidfdOpen(o.Main, 0)
	if err != nil || !shim.Alive(o.Main, o.Start) {
		return nil, fmt.Errorf("run %d of %s has just ended", o.Run.Run, o.Run.Process)
	}
	unix.CloseOnExec(main)
	zero := []byte("0")
	for _, file := range o.Joins {
		fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("enter the group of %s: open %s: %w", o.Run.Process, file, err)
		}
		c := call{what: "enter the group of " + o.Run.Process + ": write " + file, nr: unix.SYS_WRITE, keep: zero}
		c.args = [5]uintptr{uintptr(fd), uintptr(unsafe.Pointer(&zero[0])), 1}
		list = append(list, c)
	}
	events := &unix.PollFd{Fd: int32(main), Events: unix.POLLIN}
	atOnce := &unix.Timespec{}
	gone := call{what: fmt.Sprintf("go on: run %d of %s has just ended", o.Run.Run, o.Run.Process), nr: unix.SYS_PPOLL, keep: []any{events, atOnce}}
	gone.args = [5]uintptr{uintptr(unsafe.Pointer(events)), 1, uintptr(unsafe.Pointer(atOnce))}
	gone.want = func(ended uintptr) bool { return ended == 0 }
	return append(list, gone), nil
}

// commands are the attempts to execute the command: at the places that PATH
// names, by the user that we are then.
func (o *order) commands() (list []call, err error) {
	argv, err := syscall.SlicePtrFromStrings(o.Args)
	if err != nil {
		return nil, err
	}
	envp, err := syscall.SlicePtrFromStrings(o.Env)
	if err != nil {
		return nil, err
	}
	paths := []string{o.Args[0]}
	if !strings.Contains(o.Args[0], "/") {
		paths = nil
		for _, dir := range strings.Split(o.path(), ":") {
			if dir == "" {
				dir = "."
			}
			paths = append(paths, dir+"/"+o.Args[0])
		}
	}
	for _, path := range paths {
		p, err := unix.BytePtrFromString(path)
		if err != nil {
			return nil, err
		}
		c := call{what: "execute " + strconv.Quote(o.Args[0]), nr: unix.SYS_EXECVE, keep: []any{p, argv, envp}, may: true}
		c.args = [5]uintptr{uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0]))}
		list = append(list, c)
	}
	return list, nil
}

func (o *order) path() string {
	for _, e := range o.Env {
		if path, ok := strings.CutPrefix(e, "PATH="); ok {
			return path
		}
	}
	return "/usr/bin:/bin"
}

// run makes the calls. Of the attempts to execute the command the first that
// found something there says why it failed.
func run(list []call) error {
	var failed syscall.Errno
	at := 0
	for i := range list {
		c := &list[i]
		result, _, errno := unix.RawSyscall6(c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], 0)
		switch {
		case c.may && (failed == 0 || failed == unix.ENOENT):
			failed, at = errno, i
		case c.may:
		case errno != 0:
			runtime.KeepAlive(list)
			return fmt.Errorf("%s: %w", c.what, errno)
		case c.want != nil && !c.want(result):
			return errors.New(c.what)
		}
	}
	runtime.KeepAlive(list)
	return fmt.Errorf("%s: %w", list[at].what, failed)
}
