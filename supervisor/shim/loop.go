package shim

import (
	"syscall"
	"unsafe"
)

// shim is the resident parent: one loop on one thread that owns everything
// here. What it waits for is in one epoll set and one deadline.
type shim struct {
	dir   string // the task's, absolute
	pid   int
	start uint64
	boot  string
	uid   int
	tid   int // of the thread that forks, which is the first

	settings settings
	lock     *LockFile
	null     int
	ep       int
	signals  int
	listener int

	watches []watch // by descriptor
	events  [32]syscall.EpollEvent

	runs     map[string]*run // by directory: known ones
	mains    map[int]*run    // by pid: those whose main process is not reaped
	orphans  map[int]orphan  // by pid: children that we did not fork
	fading   int             // orphans that are exiting, and may be any run's
	sweeping []*run          // whose main process has exited, whose session may not be empty
	leaving  []*run          // ended ones with descendants that live on
	held     int             // zombies that we keep
	nudges   map[int]int     // pid to pidfd: whose death nobody else would tell us
	stir     bool            // an orphan or a run has gone: look again at sweeping, leaving, clearing
	clearing bool
	spawned  int // since the garbage was collected
	stirred  int // events since the text was trimmed; more than a few at the start

	tree   tree
	conn   conn
	brain  brain
	down   shutdown
	notify notifyDir
	spares spares
	step   step
	logs   carrier

	statusBuf []byte
	specBuf   [2048]byte
	spare     []*run // to be used again
	text      text
	pathBuf   [2][512]byte
	done      bool
	exit      int
}

// watch says what a descriptor is, and for which run.
type watch struct {
	kind watchKind
	gen  int32 // tells an event for this descriptor from one for its predecessor
	run  *run
}

type watchKind uint8

const (
	watchNone watchKind = iota
	watchSignals
	watchListener
	watchConn
	watchHandshake
	watchStdout
	watchStderr
	watchNotify
	watchNudge
)

const (
	epollIn    = 0x1
	epollOut   = 0x4
	epollRdhup = 0x2000
)

// watchFd adds a descriptor to the epoll set.
func (s *shim) watchFd(fd int, kind watchKind, r *run, events uint32) error {
	for len(s.watches) <= fd {
		s.watches = append(s.watches, watch{})
	}
	w := &s.watches[fd]
	w.kind, w.run = kind, r
	w.gen++
	ev := syscall.EpollEvent{Events: events, Fd: int32(fd), Pad: w.gen}
	err := s.control(syscall.EPOLL_CTL_ADD, fd, &ev)
	if err != nil {
		*w = watch{gen: w.gen}
	}
	return err
}

// rewatch changes what is waited for on a descriptor.
func (s *shim) rewatch(fd int, events uint32) {
	ev := syscall.EpollEvent{Events: events, Fd: int32(fd), Pad: s.watches[fd].gen}
	if err := s.control(syscall.EPOLL_CTL_MOD, fd, &ev); err != nil {
		panic("epoll_ctl of a descriptor in the set: " + err.Error())
	}
}

func (s *shim) control(op, fd int, ev *syscall.EpollEvent) error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(s.ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(ev)), 0, 0)
	return failure(e)
}

// drop takes a descriptor out of the epoll set, closes it, and makes *fd -1. A
// child that has just been forked may still have it, and closing alone would then
// leave it in the set.
func (s *shim) drop(fd *int) {
	if *fd < 0 {
		return
	}
	if *fd < len(s.watches) {
		if w := &s.watches[*fd]; w.kind != watchNone {
			// Not in the set: it could not be put there, and why was said.
			_ = s.control(syscall.EPOLL_CTL_DEL, *fd, nil)
			*w = watch{gen: w.gen}
		}
	}
	closeFd(*fd)
	*fd = -1
}

// loop runs until the shim is to end and returns its exit code.
func (s *shim) loop() int {
	s.expire(BootTime())
	for !s.done {
		s.conn.flush(s)
		s.collect()
		n, err := s.wait(s.timeout(BootTime()))
		if err != nil {
			complain("wait for events: " + err.Error())
			return ExitSystem
		}
		s.stirred += n
		for _, ev := range s.events[:n] {
			if w := s.watches[ev.Fd]; w.kind != watchNone && w.gen == ev.Pad {
				s.dispatch(int(ev.Fd), w, ev.Events)
			}
		}
		s.expire(BootTime())
		for s.stir && !s.done {
			s.stir = false
			s.lookAgain()
		}
	}
	s.conn.flush(s)
	return s.exit
}

// wait is epoll_wait; a signal is an event like any other, through signals. A
// short wait comes first, of which the runtime is not told: in busy times it
// spares the other threads being woken for nothing. A longer one follows, after
// which the shim is at rest.
func (s *shim) wait(ms int) (int, error) {
	const (
		brief = 2
		quiet = 200 // of silence, before what has come in is given back
		many  = 20  // events that are worth the faults that come after
	)
	if n, done := s.waitRaw(brief, ms); done {
		return n, nil
	}
	if s.stirred >= many && (ms < 0 || ms > quiet) {
		if n, err := s.waitLong(quiet); n > 0 || err != nil {
			return n, err
		}
		s.stirred = 0
		s.text.trim()
	}
	return s.waitLong(ms)
}

// waitRaw waits for at most so long, and at most ms if that is not negative.
// It is done unless there is more to wait for.
func (s *shim) waitRaw(most, ms int) (n int, done bool) {
	if ms >= 0 && ms < most {
		most = ms
	}
	r, _, e := syscall.RawSyscall6(sysEpollPwait, uintptr(s.ep), uintptr(unsafe.Pointer(&s.events[0])),
		uintptr(len(s.events)), uintptr(most), 0, 0)
	if e != 0 { // only a signal comes to mind, and waitLong will say what else
		return 0, e == syscall.EINTR
	}
	return int(r), r > 0 || most == ms
}

func (s *shim) waitLong(ms int) (int, error) {
	r, _, e := syscall.Syscall6(sysEpollPwait, uintptr(s.ep), uintptr(unsafe.Pointer(&s.events[0])),
		uintptr(len(s.events)), uintptr(ms), 0, 0)
	switch e {
	case 0:
		return int(r), nil
	case syscall.EINTR:
		return 0, nil
	}
	return 0, e
}

func (s *shim) dispatch(fd int, w watch, events uint32) {
	switch w.kind {
	case watchSignals:
		s.signalled()
	case watchListener:
		s.accept()
	case watchConn:
		s.conn.ready(s, events)
	case watchHandshake:
		s.handshake(w.run)
	case watchStdout:
		s.carry(w.run, &w.run.streams[0])
	case watchStderr:
		s.carry(w.run, &w.run.streams[1])
	case watchNotify:
		s.notified(w.run)
	case watchNudge:
		s.nudged(fd)
	}
}

// signalled handles what the signal handler has noted.
func (s *shim) signalled() {
	var count [8]byte
	// Emptied first, asked afterwards: a signal between the two wakes us again.
	if _, err := readFd(s.signals, count[:]); err != nil && err != syscall.EAGAIN {
		panic("read an eventfd of our own: " + err.Error())
	}
	for _, sig := range [...]syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		if came(sig) {
			s.wishToEnd(sig)
		}
	}
	if came(syscall.SIGCHLD) {
		s.reap()
	}
}

// never is the deadline of what is not to happen.
const never = int64(1<<63 - 1)

// timeout is how long to wait, in milliseconds, -1 for ever.
func (s *shim) timeout(now int64) int {
	next := min(s.brain.deadline(), s.shutdownDeadline())
	for _, r := range s.sweeping {
		if r.killAt < next {
			next = r.killAt
		}
	}
	if next == never {
		return -1
	}
	ms := (next - now + 999_999) / 1_000_000
	return int(max(0, min(ms, 1<<30)))
}

// expire does what has become due.
func (s *shim) expire(now int64) {
	for i := 0; i < len(s.sweeping); {
		r := s.sweeping[i]
		if now >= r.killAt {
			r.killAt = never
			r.rough = true
			s.adopt()
			s.sweep(r)
		}
		if i < len(s.sweeping) && s.sweeping[i] == r {
			i++
		}
	}
	s.expireBrain(now)
	s.expireShutdown(now)
}
