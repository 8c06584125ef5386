package shim

import (
	"errors"
	"strconv"
	"syscall"
	"unsafe"
)

// step is what is between fork and command: a list of system calls that is
// made from a run's spec. There is one, used for one run at a time: read, list,
// fork, end.
type step struct {
	room   room
	spec   Spec // a view of the room; Args is the first only, Env is empty
	argv   []uintptr
	envp   []uintptr
	path   string // of the environment
	notify int    // which of envp is $NOTIFY_SOCKET, or -1
	ops    []op

	shim    int            // our pid
	limit   syscall.Rlimit // of open files, as we were given it
	noFds   bool           // the kernel has no close_range
	name    [1]string
	clone   cloneArgs
	action  sigaction // the default one
	mask    uint64    // no signal
	word    [1]byte   // G is read to it
	capHead [2]uint32 // struct __user_cap_header_struct: version 3, this thread
	noCaps  [6]uint32 // two struct __user_cap_data_struct
	zero    [1]byte   // whoever writes the pid 0 to a group means itself
	place   place
	clones  int8    // whether the kernel clones into a group: 1, -1, 0 is not known
	ready   [2]byte // R
	stat    syscall.Stat_t
}

// handed is what a run is forked with.
type handed struct {
	hs       int // the step's end of the handshake
	null     int
	out, err int
	notify   string // its $NOTIFY_SOCKET, if it gets one
}

func newStep(shim int, limit syscall.Rlimit) step {
	_, err := call(sysCloseRange, 1<<31-1, 1<<31-1, 0)
	return step{shim: shim, limit: limit, noFds: err != nil, ready: [2]byte{'R', 0}, capHead: [2]uint32{0x20080522}, zero: [1]byte{'0'}, place: place{group: -1}}
}

// read reads a run's spec, whose path is NUL-terminated, and checks it.
func (st *step) read(path []byte) error {
	name := cString(path)
	fd, err := openatZ(atFdcwd, path, syscall.O_RDONLY, 0)
	if err != nil {
		return &PathError{"read", string(name), err}
	}
	defer closeFd(fd)
	var info syscall.Stat_t
	if err = syscall.Fstat(fd, &info); err == nil {
		err = st.room.begin(int(info.Size))
	}
	n := 0
	if err == nil {
		n, err = readFull(fd, st.room.take(int(info.Size)))
	}
	if err != nil {
		return &PathError{"read", string(name), err}
	}
	if err := st.decode(st.room.all[:n]); err != nil {
		return &PathError{"use", string(name), err}
	}
	return nil
}

// decode makes spec, argv and envp of the text of a spec.
func (st *step) decode(text []byte) error {
	st.spec = st.blank()
	st.path, st.notify = "", -1
	args, env := 0, 0
	err := st.spec.read(text, func(isEnv bool, value []byte) {
		switch {
		case isEnv:
			env++
			return
		case args == 0:
			st.name[0] = view(value)
			st.spec.Args = st.name[:]
		}
		args++
	})
	if err == nil {
		err = st.spec.Check()
	}
	if err != nil {
		return err
	}
	st.argv, st.envp = st.room.words(args), st.room.words(env+1)
	args, env = 0, 0
	hasPath := false
	// It has been read once, and without an error.
	_ = EachField(text, func(key, value []byte) error {
		switch string(key) {
		case "arg":
			st.argv[args] = address(view(value))
			args++
		case "env":
			st.envp[env] = address(view(value))
			if v, ok := cutPrefix(value, "PATH="); ok && !hasPath {
				st.path, hasPath = view(v), true
			}
			if _, ok := cutPrefix(value, "NOTIFY_SOCKET="); ok && st.notify < 0 {
				st.notify = env
			}
			env++
		}
		return nil
	})
	st.envp[env] = 0 // there is room for one more
	if st.notify < 0 {
		st.notify = env
	}
	return nil
}

// blank is an empty spec that uses the lists of the one before.
func (st *step) blank() Spec {
	s := &st.spec
	return Spec{Groups: s.Groups[:0], Joins: s.Joins[:0], Rlimits: s.Rlimits[:0], Capped: s.Capped[:0], Counts: s.Counts[:0]}
}

// end forgets the run.
func (st *step) end() {
	const most = 256
	if cap(st.ops) > most {
		st.ops = nil
	}
	st.ops = st.ops[:0]
	st.spec = st.blank()
	st.name[0], st.path, st.argv, st.envp = "", "", nil, nil
	st.room.end()
}

// list makes the ops, in the order of the architecture: descriptors; the word
// that lets it go on; directory, limits, ids, umask, no_new_privs; the
// parent-death signal, which a change of ids clears, and is the parent still
// there; signals; R; the command. What it needs of its own memory only is done
// before the word, and nothing else.
func (st *step) list(h *handed) error {
	st.ops = st.ops[:0]
	if h.notify != "" {
		b := st.room.join("NOTIFY_SOCKET=", h.notify)
		if b == nil {
			return errRoom
		}
		st.envp[st.notify] = address(view(b))
	}
	st.add(opMust, whatSession, syscall.SYS_SETSID)
	st.enter()
	if err := st.descriptors(h); err != nil {
		return err
	}
	st.want(1, whatShim, syscall.SYS_READ, uintptr(h.hs), uintptr(unsafe.Pointer(&st.word)), 1)
	st.add(opMust, whatCwd, syscall.SYS_CHDIR, address(st.spec.Cwd))
	if err := st.limits(); err != nil {
		return err
	}
	if err := st.become(); err != nil {
		return err
	}
	st.add(opMust, whatDeath, syscall.SYS_PRCTL, prSetPdeathsig, uintptr(syscall.SIGKILL), 0, 0, 0)
	st.want(uintptr(st.shim), whatShim, syscall.SYS_GETPPID)
	// Before the mask, or a handler of Go's would run.
	st.down(64, 1, whatSignals, syscall.SYS_RT_SIGACTION, uintptr(unsafe.Pointer(&st.action)), 0, 8)
	st.add(opMust, whatSignals, syscall.SYS_RT_SIGPROCMASK, sigSetmask, uintptr(unsafe.Pointer(&st.mask)), 0, 8)
	st.want(2, whatReady, syscall.SYS_WRITE, uintptr(h.hs), uintptr(unsafe.Pointer(&st.ready)), 2)
	return st.command()
}

func (st *step) add(mode opMode, what opWhat, nr uint32, args ...uintptr) {
	o := op{nr: nr, mode: mode, what: what}
	copy(o.args[:], args)
	st.ops = append(st.ops, o)
}

func (st *step) want(result uintptr, what opWhat, nr uint32, args ...uintptr) {
	st.add(opWant, what, nr, args...)
	st.ops[len(st.ops)-1].want = result
}

// down adds a call for every first argument from from down to to.
func (st *step) down(from, to uintptr, what opWhat, nr uint32, args ...uintptr) {
	o := op{nr: nr, mode: opDown, what: what, want: to}
	o.args[0] = from
	copy(o.args[1:], args)
	st.ops = append(st.ops, o)
}

// descriptors puts 0 to 2 into place and closes all others but the handshake,
// at once: what the child holds of ours would otherwise be open for as long as
// it waits, such as our own end of its handshake.
func (st *step) descriptors(h *handed) error {
	for i, fd := range [...]int{h.null, h.out, h.err} {
		st.add(opMust, whatFiles, syscall.SYS_DUP3, uintptr(fd), uintptr(i), 0)
	}
	highest := uintptr(1<<31 - 1)
	if st.noFds {
		fd, err := highestFd()
		if err != nil {
			return errors.New("list the descriptors: " + err.Error())
		}
		highest = uintptr(max(fd, h.hs+1))
	}
	hs := uintptr(h.hs)
	st.closeRange(3, hs-1)
	st.closeRange(hs+1, highest)
	return nil
}

func (st *step) closeRange(first, last uintptr) {
	switch {
	case first > last:
	case st.noFds:
		st.down(last, first, whatFiles, syscall.SYS_CLOSE)
	default:
		st.add(opMust, whatFiles, sysCloseRange, first, last, 0)
	}
}

// become takes the run's ids, umask and no_new_privs. An ordinary user, who can
// become nobody else, keeps the groups it has.
func (st *step) become() error {
	s := &st.spec
	if syscall.Geteuid() == 0 || s.UID != syscall.Getuid() || s.GID != syscall.Getgid() {
		const size = 4
		b := st.room.words((len(s.Groups)*size + size) / int(wordSize))
		if b == nil {
			return errRoom
		}
		groups := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(b))), len(s.Groups))
		for i, g := range s.Groups {
			groups[i] = uint32(g)
		}
		g, u := uintptr(s.GID), uintptr(s.UID)
		st.add(opMust, whatIDs, syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))))
		st.add(opMust, whatIDs, syscall.SYS_SETRESGID, g, g, g)
		st.add(opMust, whatIDs, syscall.SYS_SETRESUID, u, u, u)
	}
	if s.UID != 0 {
		st.dropCaps()
	}
	st.add(opMay, whatUmask, syscall.SYS_UMASK, uintptr(s.Umask))
	if s.NoNewPrivs {
		st.add(opMust, whatPrivs, syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0)
	}
	return nil
}

// sentence says why the op of a number failed, or, of the number after the
// last, why none of them became the command.
func (st *step) sentence(index, errno int) string {
	s, err := &st.spec, syscall.Errno(errno)
	if index >= len(st.ops) {
		return cannotExecute(s.Args[0], "", syscall.ENOENT, false)
	}
	o, about := &st.ops[index], ""
	switch o.what {
	case whatSession:
		about = "begin a session"
	case whatFiles:
		about = "put the descriptors into place"
	case whatShim:
		return "the shim has gone"
	case whatCwd:
		about = "enter the working directory " + s.Cwd
	case whatGroup:
		about = "join the group " + st.place.joined(int(o.args[0]))
	case whatNice:
		about = "set the priority to " + strconv.Itoa(st.spec.Nice)
	case whatCaps:
		about = "drop the capabilities"
	case whatLimit:
		about = "set the limit of " + resourceName(int(o.args[1]))
	case whatIDs:
		about = "become " + s.User + " (uid " + strconv.Itoa(s.UID) + ", gid " + strconv.Itoa(s.GID) + ")"
	case whatUmask:
		about = "set the umask"
	case whatPrivs:
		about = "set no_new_privs"
	case whatDeath:
		about = "set the parent-death signal"
	case whatSignals:
		about = "reset the signals"
	case whatReady:
		about = "tell the shim"
	case whatCommand:
		path := st.room.textAt(o.args[o.path()])
		return cannotExecute(s.Args[0], path, err, o.mode == opAbsent)
	}
	return about + ": " + err.Error()
}
