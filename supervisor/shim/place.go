package shim

import (
	"errors"
	"strconv"
	"syscall"
	"unsafe"
)

// place is where a run is born: the control groups that it joins, open.
type place struct {
	group int   // directory of the v2 group that it is cloned into, or -1
	joins []int // the files of the others, in the order of the spec
	names []string
}

// openPlace opens the groups that the spec names. Where the kernel cannot clone
// into one (before 5.7), that is joined like the others.
func (st *step) openPlace() (err error) {
	const oPath = 0x200000 // O_PATH
	if group := st.spec.Group; group != "" {
		if st.noClone() {
			err = st.join(group, "/cgroup.procs")
		} else {
			st.place.group, err = st.openIn(group, "", oPath|syscall.O_DIRECTORY)
		}
	}
	for i := 0; i < len(st.spec.Joins) && err == nil; i++ {
		err = st.join(alone(st.spec.Joins[i]))
	}
	return err
}

// alone answers, for the cgroup.procs of a v1 group, where a child, which has
// but one thread, joins without waiting: since 5.5 whoever writes "0" into tasks
// moves himself without a lock, while into cgroup.procs he holds up all forks of
// the machine, and if nobody has done so for a moment, first waits until every
// processor has seen it (8 to 12 ms).
func alone(procs string) (dir, file string) {
	const name = "/cgroup.procs"
	if at := len(procs) - len(name); at > 0 && procs[at:] == name {
		return procs[:at], "/tasks"
	}
	return procs, ""
}

func (st *step) join(dir, file string) error {
	fd, err := st.openIn(dir, file, syscall.O_WRONLY)
	if err == nil {
		st.place.joins = append(st.place.joins, fd)
		st.place.names = append(st.place.names, dir)
	}
	return err
}

func (st *step) openIn(dir, file string, flags int) (int, error) {
	path := st.room.join(dir, file)
	if path == nil {
		return -1, errRoom
	}
	fd, err := openatZ(atFdcwd, path, flags, 0)
	if err != nil {
		return -1, &PathError{"open the group", string(cString(path)), err}
	}
	return fd, nil
}

func (st *step) closePlace() {
	p := &st.place
	closeFd(p.group)
	for _, fd := range p.joins {
		closeFd(fd)
	}
	p.forget()
}

func (p *place) forget() { p.group, p.joins, p.names = -1, p.joins[:0], p.names[:0] }

// namePlace stands for openPlace where nothing is to be opened: the list becomes
// the same but for its descriptors.
func (st *step) namePlace() {
	p := &st.place
	if st.spec.Group != "" && st.noClone() {
		p.names = append(p.names, st.spec.Group)
	}
	for _, procs := range st.spec.Joins {
		dir, _ := alone(procs)
		p.names = append(p.names, dir)
	}
	for i := range p.names {
		p.joins = append(p.joins, -1-i)
	}
}

// joined is the group whose file the descriptor is.
func (p *place) joined(fd int) string {
	for i, x := range p.joins {
		if x == fd {
			return p.names[i]
		}
	}
	return ""
}

// enter lists what brings the child into its groups. It waits there for its
// word: nothing of the user's runs outside.
func (st *step) enter() {
	for _, fd := range st.place.joins {
		st.add(opMust, whatGroup, syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&st.zero)), 1)
	}
}

// noClone finds out, once, whether the kernel clones into a group: given one
// that is none, a kernel that does says EBADF, an older one E2BIG or EINVAL, one
// without clone3 ENOSYS.
func (st *step) noClone() bool {
	if st.clones == 0 {
		st.clones = 1
		args := cloneArgs{flags: cloneIntoCgroup, exitSignal: uint64(syscall.SIGCHLD), cgroup: 1<<31 - 1}
		if _, err := call(sysClone3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0); err != syscall.EBADF {
			st.clones = -1
		}
	}
	return st.clones < 0
}

// limits lists the limits of setrlimit(2) and the priority.
func (st *step) limits() error {
	s := &st.spec
	if len(s.Rlimits) == 0 {
		st.add(opMust, whatLimit, syscall.SYS_PRLIMIT64, 0, rlimitNofile, uintptr(unsafe.Pointer(&st.limit)), 0)
	}
	for i := 0; i+2 < len(s.Rlimits); i += 3 {
		resource := s.Rlimits[i]
		l := st.room.words(2)
		if l == nil {
			return errRoom
		}
		l[0], l[1] = uintptr(s.Rlimits[i+1]), uintptr(s.Rlimits[i+2])
		if holds(s.Capped, resource) && !mayRaise() {
			if err := st.cutDown(resource, l); err != nil {
				return err
			}
		}
		st.add(opMust, whatLimit, syscall.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(&l[0])), 0)
	}
	mode := opMay
	if s.NiceAsked {
		mode = opMust
	}
	st.add(mode, whatNice, syscall.SYS_SETPRIORITY, 0, 0, uintptr(s.Nice))
	return nil
}

// mayRaise says whether we have CAP_SYS_RESOURCE, which root in a container may
// lack.
func mayRaise() bool {
	const version, sysResource = 0x20080522, 24
	head, sets := [2]uint32{version}, [6]uint32{}
	_, err := call(syscall.SYS_CAPGET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&sets)), 0)
	return err == nil && sets[0]&(1<<sysResource) != 0
}

// cutDown keeps a limit within our own hard one.
func (st *step) cutDown(resource int, l []uintptr) error {
	ours := st.limit
	if resource != rlimitNofile { // of which we have raised our own
		if err := syscall.Getrlimit(resource, &ours); err != nil {
			return errors.New("ask for the limit of " + resourceName(resource) + ": " + err.Error())
		}
	}
	for i := range l {
		l[i] = min(l[i], uintptr(ours.Max))
	}
	return nil
}

// resourceName is what getrlimit(2) calls a resource, in a sentence.
func resourceName(resource int) string {
	names := [...]string{"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "open files", "memlock", "as",
		"locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"}
	if resource < 0 || resource >= len(names) {
		return "resource " + strconv.Itoa(resource)
	}
	return names[resource]
}

// dropCaps leaves one who is not root no capability, also none that a file
// could bring it: the change of ids has taken all others. Kernels without an
// ambient set (before 4.3) have nothing in it.
func (st *step) dropCaps() {
	const ambient, clearAll = 47, 4 // PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL
	st.add(opMay, whatCaps, syscall.SYS_PRCTL, ambient, clearAll, 0, 0, 0)
	st.add(opMust, whatCaps, syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&st.capHead)), uintptr(unsafe.Pointer(&st.noCaps)))
}

// writeOOMAdj sets a child's oom_score_adj. The child has a memory of its own,
// so ours stays as it is. A spec without limits and adjustment is one of an
// older brain's.
func (st *step) writeOOMAdj(pid int) error {
	spec := &st.spec
	if len(spec.Rlimits) == 0 && spec.OOMAdj == 0 && !spec.OOMAdjAsked {
		return nil
	}
	var space [64]byte
	var number [8]byte
	fd, err := openatZ(atFdcwd, procPath(space[:], pid, "oom_score_adj"), syscall.O_WRONLY, 0)
	if err == nil {
		err = writeFull(fd, strconv.AppendInt(number[:0], int64(spec.OOMAdj), 10))
		closeFd(fd)
	}
	if err != nil && spec.OOMAdjAsked {
		return errors.New("set oom_score_adj to " + strconv.Itoa(spec.OOMAdj) + ": " + err.Error())
	}
	return nil
}
