package shim

import "syscall"

// console is the shim's own stdout or stderr as somewhere to write without
// ever waiting: whoever reads it may have stopped.
type console struct {
	fd     int  // our own open file of it, non-blocking; -1 if there is none
	opened bool // it was tried
}

// write passes bytes on; what does not fit is dropped, and its size returned.
func (c *console) write(fd int, b []byte) (dropped int) {
	if !c.opened {
		c.open(fd)
	}
	if c.fd >= 0 {
		for len(b) > 0 {
			n, err := writeFd(c.fd, b)
			if err != nil {
				return len(b)
			}
			b = b[n:]
		}
		return 0
	}
	return writePolled(fd, b)
}

// open makes an open file of our own: O_NONBLOCK belongs to the open file,
// which a terminal's shares with the user's shell. Sockets cannot be opened
// anew, nor what belongs to another user.
func (c *console) open(fd int) {
	c.opened = true
	path := append([]byte("/proc/self/fd/"), byte('0'+fd), 0)
	own, err := openatZ(atFdcwd, path, syscall.O_WRONLY|syscall.O_APPEND|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		own = -1
	}
	c.fd = own
}

// writePolled writes in pieces that fit whenever poll says so: a pipe that is
// writable takes 4096 bytes at once, and a socket does not block with
// MSG_DONTWAIT. What is left is dropped, and its size returned.
func writePolled(fd int, b []byte) (dropped int) {
	const atOnce = 4096
	for len(b) > 0 {
		piece := b[:min(len(b), atOnce)]
		n, err := sendNow(fd, piece)
		if err == syscall.ENOTSOCK {
			if !poll(fd, pollOut, false) {
				return len(b)
			}
			n, err = writeFd(fd, piece)
		}
		if err != nil {
			return len(b)
		}
		b = b[n:]
	}
	return 0
}

// complain says something to whoever reads the shim's stderr.
func complain(sentence string) {
	b := append([]byte("dewar-shim: "), sentence...)
	writePolled(2, append(b, '\n'))
}
