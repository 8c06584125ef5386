package shim

import (
	"errors"
	"strconv"
	"syscall"
	"unsafe"
)

// step is the exec step: the program between fork and command. It is started
// by the resident shim with
//
//	0  /dev/null
//	1  /dev/null, or the pipe that is to be stdout
//	2  the handshake, where a dying runtime's last words arrive too
//	3  only with pipes: the one that is to be stderr
//
// in the task's directory, in a session of its own, and becomes the command.
type step struct {
	dir    string
	shim   int // pid of the shim that started us
	hs     int
	out    int // to be descriptors 1 and 2
	err    int
	spec   Spec
	limits syscall.Rlimit // of open files, as the shim was given it
}

// high is where descriptors go that must be out of the way of 0 to 3.
const high = 10

// execStep never returns when all goes well. Its exit code matters to nobody:
// what went wrong is said on the handshake.
func execStep(dir string, env []string) int {
	st := step{dir: dir}
	if kind, err := syscall.GetsockoptInt(2, syscall.SOL_SOCKET, syscall.SO_TYPE); err != nil || kind != syscall.SOCK_SEQPACKET || !st.readEnv(env) {
		complain("dewar-shim exec is the step between fork and command; only dewar-shim itself starts it")
		return ExitMisuse
	}
	hs, err := dupAbove(2, high)
	if err != nil {
		return ExitSystem
	}
	st.hs = hs
	if err := st.run(env); err != nil {
		// Nobody is left to tell if this fails.
		_, _ = writeFd(st.hs, append([]byte{'E', 0}, err.Error()...))
		return ExitSystem
	}
	return ExitDone
}

// readEnv reads what the shim says in our environment.
func (st *step) readEnv(env []string) bool {
	found := 0
	for _, e := range env {
		if v, ok := cutString(e, "DEWAR_SHIM="); ok {
			st.shim, _ = strconv.Atoi(v) // 0, which is nobody's parent, if it is no number
			found++
		}
		if v, ok := cutString(e, "DEWAR_NOFILE="); ok {
			list, err := ints(nil, []byte(v))
			if err == nil && len(list) == 2 {
				st.limits.Cur, st.limits.Max = uint64(list[0]), uint64(list[1])
				found++
			}
		}
	}
	return found == 2
}

func cutString(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return "", false
	}
	return s[len(prefix):], true
}

// run goes through everything that can fail in the order of the architecture:
// descriptors, logs, directories; limits; ids, umask, no_new_privs; the
// parent-death signal; the byte; the command.
func (st *step) run(env []string) error {
	unusable := st.readSpec(env)
	// Until the shim has recorded who we are, nothing may happen.
	if err := st.await(); err != nil {
		return err
	}
	if unusable != nil {
		return unusable
	}
	if err := st.openOutput(); err != nil {
		return err
	}
	if err := syscall.Chdir(st.spec.Cwd); err != nil {
		return &PathError{"enter the working directory", st.spec.Cwd, err}
	}
	if err := setRlimit(&st.limits); err != nil {
		return errors.New("set the limit of open files: " + err.Error())
	}
	if err := st.become(); err != nil {
		return err
	}
	if err := st.arm(); err != nil {
		return err
	}
	return st.execute()
}

// await waits for the shim's word.
func (st *step) await() error {
	var word [1]byte
	n, err := readFd(st.hs, word[:])
	for err == syscall.EAGAIN {
		poll(st.hs, pollIn, true)
		n, err = readFd(st.hs, word[:])
	}
	if err != nil || n == 0 {
		return errors.New("the shim has gone")
	}
	return nil
}

func (st *step) readSpec(env []string) error {
	path := st.dir + "/" + SpecName
	fd, err := openatZ(atFdcwd, append([]byte(path), 0), syscall.O_RDONLY, 0)
	if err != nil {
		return &PathError{"read", path, err}
	}
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		return &PathError{"read", path, err}
	}
	buf := make([]byte, info.Size)
	n, err := readFull(fd, buf)
	closeFd(fd)
	if err != nil {
		return &PathError{"read", path, err}
	}
	st.spec, err = DecodeSpec(buf[:n])
	if err != nil {
		return &PathError{"use", path, err}
	}
	for _, e := range env {
		if _, ok := cutString(e, "NOTIFY_SOCKET="); ok {
			st.spec.Env = setEnv(st.spec.Env, "NOTIFY_SOCKET=", e)
		}
	}
	return nil
}

// setEnv replaces the entry with the prefix, or appends one.
func setEnv(env []string, prefix, entry string) []string {
	for i, e := range env {
		if _, ok := cutString(e, prefix); ok {
			env[i] = entry
			return env
		}
	}
	return append(env, entry)
}

// openOutput finds or opens what is to be stdout and stderr.
func (st *step) openOutput() (err error) {
	if st.spec.Piped() {
		if st.out, err = dupAbove(1, high); err == nil {
			st.err, err = dupAbove(3, high)
		}
		if err != nil {
			return errors.New("duplicate the log pipes: " + err.Error())
		}
		return nil
	}
	dir, err := openLogDir(st.spec.LogDir, st.spec.UID, st.spec.GID)
	if err != nil {
		return err
	}
	if st.out, err = newLog(dir, st.spec.LogDir, "stdout", st.spec.UID, st.spec.GID); err == nil {
		st.err, err = newLog(dir, st.spec.LogDir, "stderr", st.spec.UID, st.spec.GID)
	}
	return err
}

// become takes the run's ids, umask and no_new_privs. The ids are those of
// this thread alone: execve, which ends all others, makes them the process'.
// An ordinary user, who can become nobody else, keeps the groups it has.
func (st *step) become() error {
	s := &st.spec
	if syscall.Geteuid() == 0 || s.UID != syscall.Getuid() || s.GID != syscall.Getgid() {
		if err := setIDs(s.UID, s.GID, s.Groups); err != nil {
			return errors.New("become " + s.User + " (uid " + strconv.Itoa(s.UID) + ", gid " + strconv.Itoa(s.GID) + "): " + err.Error())
		}
	}
	syscall.Umask(s.Umask)
	if s.NoNewPrivs {
		if err := prctl(prSetNoNewPrivs, 1); err != nil {
			return errors.New("set no_new_privs: " + err.Error())
		}
	}
	return nil
}

func setIDs(uid, gid int, groups []int) error {
	list := make([]uint32, len(groups)+1)
	for i, g := range groups {
		list[i] = uint32(g)
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&list[0])), 0); e != 0 {
		return e
	}
	g, u := uintptr(gid), uintptr(uid)
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, g, g, g); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, u, u, u); e != 0 {
		return e
	}
	return nil
}

func setRlimit(l *syscall.Rlimit) error {
	const nofile = 7
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, nofile, uintptr(unsafe.Pointer(l)), 0, 0, 0)
	return failure(e)
}

// arm makes us die with the shim, and clean for the command. The parent-death
// signal comes after the ids, whose change clears it; a shim that died before
// it is noticed by our having another parent.
func (st *step) arm() error {
	if err := prctl(prSetPdeathsig, uintptr(syscall.SIGKILL)); err != nil {
		return errors.New("set the parent-death signal: " + err.Error())
	}
	if syscall.Getppid() != st.shim {
		return errors.New("the shim has gone")
	}
	if err := defaultSignals(); err != nil {
		return errors.New("reset the signals: " + err.Error())
	}
	if err := closeFrom(3, true); err != nil {
		return errors.New("close the descriptors: " + err.Error())
	}
	// From here on descriptor 2 is the user's: nothing of ours may speak there.
	for i, fd := range [...]int{st.out, st.err} {
		if err := syscall.Dup3(fd, i+1, 0); err != nil {
			return errors.New("put the logs into place: " + err.Error())
		}
	}
	return nil
}
