package shim

import (
	"errors"
	"runtime"
	"syscall"
)

// settings are what the environment says, and what follows from it.
type settings struct {
	retry      []int64        // delays before the next brain, in nanoseconds; the last repeats
	worked     int64          // after a brain's hello: what was wrong is over
	patience   int64          // with a wish to end and no brain that works
	runtimeDir string         // $XDG_RUNTIME_DIR
	files      syscall.Rlimit // of open files, as we were given it
	scan       bool           // do without the kernel's children files
}

// The environment of the resident shim begins with these, put in front by who
// starts it, or by itself: one scheduler context is all that it needs (each
// costs 13 KB, and a machine may have many cores), and the collector is called
// by hand, because its own clock would wake us.
var tuned = [...]string{"GOMAXPROCS=1", "GOGC=off", "DEWAR_SHIM_TUNED=1"}

// Tuned is the environment that a shim is to be started with which is to have
// env. One that is started with env alone executes itself anew, once.
func Tuned(env []string) []string { return append(tuned[:len(tuned):len(tuned)], env...) }

// Main is the program dewar-shim. It must be called on the process' first
// thread, locked to it (runtime.LockOSThread in an init), and returns the exit
// code. args[0] is the program's name.
//
//	dewar-shim <task dir> -- <brain> [argument…]
func Main(args, env []string) int {
	if len(args) < 4 || args[2] != "--" || len(args[1]) == 0 || args[1][0] != '/' || len(args[3]) == 0 || args[3][0] != '/' {
		complain("usage: dewar-shim <task directory> -- <brain> [argument…], where directory and brain are absolute paths")
		return ExitMisuse
	}
	if err := closeFrom(3); err != nil {
		complain("close inherited descriptors: " + err.Error())
		return ExitSystem
	}
	if len(env) < len(tuned) || env[len(tuned)-1] != tuned[len(tuned)-1] {
		err := syscall.Exec("/proc/self/exe", args, Tuned(env))
		complain("start anew: " + err.Error())
		return ExitSystem
	}
	s, code, err := newShim(args[1], args[3:], env[len(tuned):])
	if err != nil {
		complain(err.Error())
		return code
	}
	code = s.loop()
	s.notify.remove()
	s.removeSpares()
	return code
}

// newShim makes the resident shim of a task. With the error comes an exit code.
func newShim(dir string, brainArgs, env []string) (*shim, int, error) {
	s := &shim{
		dir: dir, pid: syscall.Getpid(), uid: syscall.Geteuid(), tid: syscall.Getpid(),
		runs: map[string]*run{}, mains: map[int]*run{}, orphans: map[int]orphan{}, nudges: map[int]int{},
	}
	s.conn.fd = -1
	s.stirred = 1 << 20
	s.brain = brain{argv: brainArgs, env: env, startAt: BootTime(), clearAt: never}
	if err := syscall.Chdir(dir); err != nil {
		return nil, ExitMisuse, &PathError{"enter the task's directory", dir, err}
	}
	syscall.Umask(0o022)
	var err error
	if s.lock, err = Lock(dir + "/" + LockName); err != nil {
		var held *HeldError
		if errors.As(err, &held) {
			return nil, ExitHeld, err
		}
		return nil, ExitSystem, err
	}
	if s.settings, err = readSettings(env); err != nil {
		return nil, ExitMisuse, err
	}
	s.step = newStep(s.pid, s.settings.files)
	s.step.noFds = s.step.noFds || s.settings.scan
	if err := s.open(); err != nil {
		return nil, ExitSystem, err
	}
	if existsZ([]byte(FailingName + "\x00")) { // another shim's
		s.brain.failing = true
	}
	s.lookForShutdown(BootTime())
	return s, ExitDone, nil
}

// open gets everything from the system that the loop needs.
func (s *shim) open() error {
	if err := prctl(prSetChildSubreaper, 1); err != nil {
		return errors.New("become the subreaper: " + err.Error())
	}
	if err := setName("dewar-shim"); err != nil { // we were executed as /proc/self/exe
		return errors.New("set our name: " + err.Error())
	}
	self, err := ReadStat(s.pid)
	if err != nil {
		return &PathError{"read", "/proc/self/stat", err}
	}
	s.start = self.Start
	if s.boot, err = BootID(); err != nil {
		return err
	}
	s.tree.probe(s.pid)
	s.tree.scan = s.tree.scan || s.settings.scan
	if s.ep, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return errors.New("make an epoll set: " + err.Error())
	}
	if s.null, err = openatZ(atFdcwd, []byte("/dev/null\x00"), syscall.O_RDWR, 0); err != nil {
		return &PathError{"open", "/dev/null", err}
	}
	if s.signals, err = catchSignals(); err == nil {
		err = s.watchFd(s.signals, watchSignals, nil, epollIn)
	}
	if err != nil {
		return errors.New("catch signals: " + err.Error())
	}
	return s.listen()
}

// readSettings reads our environment. The limit of open files is raised for
// ourselves, and given back to every run.
func readSettings(env []string) (settings, error) {
	set := settings{
		retry:    []int64{0, 5_000_000_000, 60_000_000_000},
		worked:   10_000_000_000,
		patience: 30_000_000_000,
	}
	var err error
	for _, e := range env {
		if v, ok := cutString(e, "DEWAR_BRAIN_RETRY="); ok && err == nil {
			set.retry, err = durations(v)
		}
		if v, ok := cutString(e, "DEWAR_BRAIN_WORKED="); ok && err == nil {
			set.worked, err = duration(v)
		}
		if v, ok := cutString(e, "DEWAR_SHUTDOWN_PATIENCE="); ok && err == nil {
			set.patience, err = duration(v)
		}
		if v, ok := cutString(e, "XDG_RUNTIME_DIR="); ok {
			set.runtimeDir = v
		}
		if e == "DEWAR_SHIM_SCAN=1" {
			set.scan = true
		}
	}
	if err != nil {
		return set, err
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &set.files); err != nil {
		return set, errors.New("ask for the limit of open files: " + err.Error())
	}
	raised := syscall.Rlimit{Cur: set.files.Max, Max: set.files.Max}
	if err := setRlimit(&raised); err != nil {
		return set, errors.New("raise the limit of open files: " + err.Error())
	}
	return set, nil
}

// collectEvery is how many spawns make enough garbage (0.3 KB each) to be worth
// collecting.
const collectEvery = 2048

// collect collects garbage now and then: never while the shim is idle.
func (s *shim) collect() {
	if s.spawned >= collectEvery {
		s.spawned = 0
		runtime.GC()
	}
}
