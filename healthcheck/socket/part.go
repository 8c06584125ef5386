package socket

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lingering is how long one who was asked has to close first.
const lingering = 100 * time.Millisecond

// part closes a connection so that neither side keeps it: with a reset, once the
// other side has closed or there was no time left for that.
func (t *target) part(conn net.Conn, deadline time.Time) {
	t.mu.Lock()
	delete(t.conns, conn)
	t.mu.Unlock()
	if c, ok := conn.(*net.TCPConn); ok && (t.knocks || drained(c, deadline)) {
		c.SetLinger(0) //nolint:errcheck // then it is closed as usual
	}
	conn.Close() //nolint:errcheck // all has been said
}

// drained waits for the other side to close, which then sees no reset. It is
// false if that has time, and does not.
func drained(c *net.TCPConn, deadline time.Time) bool {
	until := time.Now().Add(lingering)
	if !until.Before(deadline) {
		until = deadline
	}
	var rest [512]byte
	err := c.SetReadDeadline(until)
	for read := 0; err == nil && read < maxBody; {
		var n int
		n, err = c.Read(rest[:])
		read += n
	}
	return until.Equal(deadline) || !errors.Is(err, os.ErrDeadlineExceeded)
}

// holdAck lets the kernel keep back the last word of the handshake, so that a
// reset takes all of it back: whoever listens is not bothered to accept.
func holdAck(_, _ string, c syscall.RawConn) error {
	var err error
	return errors.Join(c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
	}), err)
}
