package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// target is whom to connect to.
type target struct {
	place  Place
	name   string       // the host as it is written, for people and for TLS
	socket string       // path of a unix socket, as the process sees it
	port   int          //
	addrs  []netip.Addr // literal; none: name is to be resolved each time
	both   bool         // addrs are localhost's: success on either
	first  atomic.Int32 // index of the one of both that answered last
	knocks bool         // nothing is said: who listens need not even accept

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

func newTarget(host string, port task.Port, socket string, p Place) (*target, error) {
	t := &target{place: p, name: host}
	if socket != "" {
		t.socket, t.name = p.inside(socket), "localhost"
		return t, nil
	}
	if t.port = port.Number(p.Ports); t.port == 0 {
		return nil, fmt.Errorf("port %s has no number here", task.Quote(string(port)))
	}
	if host == "" || host == "localhost" {
		t.name, t.both = "localhost", true
		t.addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	} else if addr, err := netip.ParseAddr(host); err == nil {
		t.addrs = []netip.Addr{addr}
	}
	return t, nil
}

// hostPort is what a Host header says.
func (t *target) hostPort() string {
	if t.socket != "" {
		return t.name
	}
	return net.JoinHostPort(t.name, strconv.Itoa(t.port))
}

// talk is what one does on a connection, until the deadline that it has.
type talk func(net.Conn) healthcheck.Answer

// ask connects and talks. Of localhost's two addresses the second is asked when
// the first has failed, or half the time is over; a success of either will do.
func (t *target) ask(deadline time.Time, say talk) healthcheck.Answer {
	begun := time.Now()
	answer := t.askAny(begun, deadline, func(conn net.Conn) healthcheck.Answer {
		a := say(conn)
		a.Latency = time.Since(begun) // and not of parting
		return a
	})
	if answer.Latency == 0 {
		answer.Latency = time.Since(begun)
	}
	return answer
}

func (t *target) askAny(begun, deadline time.Time, say talk) healthcheck.Answer {
	switch {
	case t.socket != "":
		return t.askUnix(deadline, say)
	case len(t.addrs) == 0:
		return t.askName(deadline, say)
	case !t.both:
		return t.askAddr(t.addrs[0], deadline, say)
	}
	at := int(t.first.Load())
	answers := make(chan healthcheck.Answer, 1)
	go func() { answers <- t.askAddr(t.addrs[at], deadline, say) }()
	half := time.NewTimer(deadline.Sub(begun) / 2)
	defer half.Stop()
	var first healthcheck.Answer
	waiting := false
	select {
	case first = <-answers:
		if first.Outcome == judge.OK {
			return first
		}
	case <-half.C:
		waiting = true
	}
	second := t.askAddr(t.addrs[1-at], deadline, say)
	if second.Outcome == judge.OK {
		t.first.Store(int32(1 - at))
		return second
	}
	if waiting {
		if first = <-answers; first.Outcome == judge.OK {
			return first
		}
	}
	return telling(first, second)
}

// telling is which of two bad answers says more: that one could not be asked,
// else that of who could be connected to.
func telling(a, b healthcheck.Answer) healthcheck.Answer {
	switch {
	case a.Outcome == judge.Inconclusive:
		return a
	case b.Outcome == judge.Inconclusive, a.Phase == healthcheck.Connect && b.Phase != healthcheck.Connect:
		return b
	}
	return a
}

// askAddr asks at an address. One that is not available may be for want of ports;
// without IPv6 ::1 is not there at all, and so nobody is on it.
func (t *target) askAddr(addr netip.Addr, deadline time.Time, say talk) healthcheck.Answer {
	answer := t.connect("tcp", netip.AddrPortFrom(addr, uint16(t.port)).String(), deadline, say)
	if answer.Outcome != judge.Inconclusive || !addr.IsLoopback() {
		return answer
	}
	err := t.place.within(func() error {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		answer.Outcome, answer.Reason = judge.Fail, "there is no "+addr.String()+" here"
	}
	return answer
}

// askName resolves in half the time at the most: a resolver that is slow or away
// says nothing about the target.
func (t *target) askName(deadline time.Time, say talk) healthcheck.Answer {
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(time.Until(deadline)/2))
	defer cancel()
	var found []netip.Addr
	err := t.place.within(func() (err error) {
		found, err = net.DefaultResolver.LookupNetIP(ctx, "ip", t.name)
		return err
	})
	if err != nil || len(found) == 0 {
		return healthcheck.Answer{Outcome: judge.Inconclusive, Phase: healthcheck.Resolve, Reason: healthcheck.Clean(fmt.Sprintf("resolve %s: %v", t.name, err))}
	}
	var answer healthcheck.Answer
	for i, addr := range found {
		share := time.Now().Add(time.Until(deadline) / time.Duration(len(found)-i))
		if answer = t.askAddr(addr.Unmap(), share, say); answer.Outcome == judge.OK {
			break
		}
	}
	return answer
}

// askUnix connects by way of a descriptor of the socket, wherever the process
// sees it: its path may be too long for an address, and lead out of a root.
func (t *target) askUnix(deadline time.Time, say talk) healthcheck.Answer {
	const oPath = 0x200000
	fd, err := t.place.open(t.socket, oPath)
	if err != nil {
		return failed(healthcheck.Connect, &os.PathError{Op: "connect to", Path: t.socket, Err: err})
	}
	held := os.NewFile(uintptr(fd), t.socket)
	defer held.Close()
	if t.isGuarded(held) {
		return healthcheck.Answer{Outcome: judge.Fail, Phase: healthcheck.Connect, Reason: healthcheck.Clean(t.socket + " belongs to another user than the sandbox does")}
	}
	return t.connect("unix", filepath.Join("/proc/self/fd", strconv.Itoa(fd)), deadline, say)
}

// isGuarded keeps those who write a task from reaching through us, who are root,
// what the task cannot: a socket of somebody else than the sandbox's owner, behind
// walls or not. (A process with a user of its own has to be asked otherwise.)
func (t *target) isGuarded(socket *os.File) bool {
	var there, sandbox unix.Stat_t
	if unix.Fstat(int(socket.Fd()), &there) != nil || unix.Stat(t.place.Sandbox, &sandbox) != nil {
		return true
	}
	return sandbox.Uid != 0 && there.Uid != sandbox.Uid
}

func (t *target) connect(network, address string, deadline time.Time, say talk) (answer healthcheck.Answer) {
	var conn net.Conn
	err := t.place.within(func() (err error) {
		d := net.Dialer{Deadline: deadline, KeepAlive: -1}
		if t.knocks {
			d.Control = holdAck
		}
		conn, err = d.Dial(network, address)
		return err
	})
	if err != nil {
		return failed(healthcheck.Connect, err)
	}
	if !t.hold(conn) {
		return healthcheck.Answer{Outcome: judge.Inconclusive, Phase: healthcheck.Connect, Reason: "asking was ended"}
	}
	defer t.part(conn, deadline)
	if err := conn.SetDeadline(deadline); err != nil {
		return failed(healthcheck.Connect, err)
	}
	return say(conn)
}

// hold notes a connection, for Close; it is false after that.
func (t *target) hold(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		conn.Close() //nolint:errcheck // nothing was said on it
		return false
	}
	if t.conns == nil {
		t.conns = make(map[net.Conn]bool)
	}
	t.conns[conn] = true
	return true
}

// Close ends what is being asked.
func (t *target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for conn := range t.conns {
		conn.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // it is being closed by who asks
	}
	return nil
}
