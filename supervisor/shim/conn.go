package shim

import (
	"errors"
	"syscall"
)

// conn is the connection to the brain: one at a time.
type conn struct {
	fd     int
	in     [MaxFrame]byte
	have   int    // bytes in in
	out    []byte // answers and bells that wait to be sent
	events uint32 // that are waited for
	lost   bool   // bells were dropped: the brain is to ask for a list
	works  bool   // the brain has said hello
}

const (
	// enoughBells is how much may wait for a brain that does not read before
	// bells are dropped, and enough before its requests wait, too.
	enoughBells = 32 << 10
	enough      = 128 << 10
)

// listen makes shim.sock. Its name is relative to our working directory, the
// task's: the whole path may be longer than a socket's name.
func (s *shim) listen() error {
	if err := syscall.Unlink(SockName); err != nil && err != syscall.ENOENT {
		return &PathError{"remove the old", SockName, err}
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return &PathError{"make a socket for", SockName, err}
	}
	s.listener = fd
	old := syscall.Umask(0o177)
	err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: SockName})
	syscall.Umask(old)
	if err == nil {
		err = syscall.Listen(fd, 16)
	}
	if err == nil {
		err = s.watchFd(fd, watchListener, nil, epollIn)
	}
	if err != nil {
		return &PathError{"listen on", SockName, err}
	}
	return nil
}

// accept takes a new brain; the old one's connection ends, with whatever it
// asked last.
func (s *shim) accept() {
	fd, _, err := syscall.Accept4(s.listener, syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK)
	if err != nil {
		if err != syscall.EAGAIN && err != syscall.EINTR && err != syscall.ECONNABORTED {
			complain("accept a connection: " + err.Error())
		}
		return
	}
	cred, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil || int(cred.Uid) != s.uid {
		complain("refused a connection from another user")
		closeFd(fd)
		return
	}
	s.hangUp()
	if err := s.watchFd(fd, watchConn, nil, epollIn); err != nil {
		complain("watch a connection: " + err.Error())
		closeFd(fd)
		return
	}
	s.conn.fd, s.conn.events = fd, epollIn
	s.list()
	if s.down.asked { // a brain before this one may have been told
		s.bell(BellShutdown, nil)
	}
}

// hangUp ends the connection.
func (s *shim) hangUp() {
	c := &s.conn
	if c.fd < 0 {
		return
	}
	if c.works {
		s.down.workedUntil = BootTime()
	}
	// A child that has just been forked may still have it.
	_, _ = call(syscall.SYS_SHUTDOWN, uintptr(c.fd), syscall.SHUT_RDWR, 0)
	s.drop(&c.fd)
	out := c.out[:0]
	if cap(out) > enough {
		out = nil
	}
	*c = conn{fd: -1, out: out}
	if s.brain.ending && s.brain.pid == 0 {
		s.done = true
	}
}

// ready reads requests and sends what waits.
func (c *conn) ready(s *shim, events uint32) {
	if events&epollOut != 0 {
		c.flush(s)
	}
	if c.fd < 0 || events&^epollOut == 0 || len(c.out) > enough {
		return
	}
	n, err := readFd(c.fd, c.in[c.have:])
	if err == syscall.EAGAIN {
		return
	}
	if err != nil || n == 0 {
		s.hangUp()
		return
	}
	c.have += n
	c.requests(s)
}

// requests answers those that have arrived whole, as long as the brain reads.
func (c *conn) requests(s *shim) {
	at := 0
	for c.fd >= 0 && len(c.out) <= enough {
		body, size, err := CutFrame(c.in[at:c.have])
		if err != nil {
			c.have = 0
			c.say(SayNo, "this is not a request: "+err.Error())
			c.flush(s)
			s.hangUp()
			return
		}
		if size == 0 {
			break
		}
		at += size
		s.down.heeded = true
		s.answer(body)
	}
	if c.fd >= 0 {
		c.have = copy(c.in[:], c.in[at:c.have])
	}
}

// say queues one frame.
func (c *conn) say(fields ...string) { c.out = AppendFrame(c.out, fields...) }

// bell tells the brain something by itself, unless it does not listen. Bells
// that are of no run, and few, are never lost.
func (s *shim) bell(kind string, r *run) {
	c := &s.conn
	if c.fd < 0 {
		return
	}
	if len(c.out) > enoughBells {
		_ = c.push() // what is wrong with the connection, flush will find
	}
	switch {
	case r == nil:
		c.say(SayBell, kind)
	case len(c.out) > enoughBells:
		c.lost = true
	default:
		c.say(SayBell, kind, r.dir)
	}
}

// push sends as much as the brain takes.
func (c *conn) push() error {
	if len(c.out) == 0 {
		return nil
	}
	n, err := sendNow(c.fd, c.out)
	if err == syscall.EAGAIN {
		return nil
	}
	if err == nil {
		c.out = c.out[:copy(c.out, c.out[n:])]
	}
	return err
}

// flush sends what waits, as much as the brain takes.
func (c *conn) flush(s *shim) {
	if c.fd < 0 {
		return
	}
	if c.push() != nil {
		s.hangUp()
		return
	}
	if c.have > 0 { // requests that had to wait
		c.requests(s)
	}
	if c.lost && len(c.out) == 0 {
		c.lost = false
		c.say(SayBell, BellList)
		c.flush(s)
		return
	}
	c.arm(s)
}

// arm waits for room while something waits to be sent, and for requests
// unless too much does.
func (c *conn) arm(s *shim) {
	want := uint32(epollIn)
	if len(c.out) > enough {
		want = 0
	}
	if len(c.out) > 0 {
		want |= epollOut
	}
	if want != c.events {
		c.events = want
		s.rewatch(c.fd, want)
	}
}

// list tells who we are, and every run that we know.
func (s *shim) list() {
	c := &s.conn
	c.say(SayHello, decimalString(Version), decimalString(s.pid), decimalString(int(s.start)), decimalString(s.brain.pid))
	for _, r := range s.runs {
		pid := r.st.Pid
		if r.st.State == Ended {
			pid = 0
		}
		c.say(SayRun, r.dir, string(r.st.State), decimalString(pid))
	}
	s.adopt()
	strays := 0
	for pid, o := range s.orphans {
		if o.run != nil && s.runs[o.run.dir] == o.run {
			continue
		}
		if st, err := ReadStat(pid); err == nil && s.mains[st.Sid] == nil {
			strays++
		}
	}
	c.say(SayStrays, decimalString(strays))
	c.say(SayListed)
}

var errFields = errors.New("the request lacks a field")
