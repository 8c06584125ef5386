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

const (
	consoleName  = "console" // the task's: what StartShim makes our stdout and stderr
	consoleLimit = 16 << 20  // then it becomes console.1
	consoleLook  = 1 << 20   // bytes between two looks at its size
)

// boundConsole puts the task's console aside when it has grown over its limit.
// It is looked at now and then; n bytes are about to be written. What is not the
// task's own file is left alone.
func (l *carrier) boundConsole(n int) {
	l.unlooked += n
	if l.unlooked < consoleLook {
		return
	}
	l.unlooked = 0
	var out, err2, own syscall.Stat_t
	if syscall.Fstat(1, &out) != nil || out.Mode&syscall.S_IFMT != syscall.S_IFREG || out.Size <= consoleLimit ||
		syscall.Lstat(consoleName, &own) != nil || !isSame(&out, &own) {
		return
	}
	both := syscall.Fstat(2, &err2) == nil && isSame(&out, &err2)
	if err := l.renewConsole(both); err != nil {
		complain((&PathError{"put aside", consoleName, err}).Error())
	}
}

func isSame(a, b *syscall.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// renewConsole renames the console and makes stdout, and if both also stderr, a
// new one.
func (l *carrier) renewConsole(both bool) error {
	now, old := []byte(consoleName+"\x00"), []byte(consoleName+".1\x00")
	if err := renameatZ(atFdcwd, now, old, 0); err != nil {
		return err
	}
	const flags = syscall.O_WRONLY | syscall.O_CREAT | syscall.O_EXCL | syscall.O_APPEND | syscall.O_NOFOLLOW
	fd, err := openatZ(atFdcwd, now, flags, 0o640)
	if err != nil { // such as no room: go on with the old one
		_ = renameatZ(atFdcwd, old, now, renameNoreplace) // the next look finds what is there
		return err
	}
	defer closeFd(fd)
	if err := syscall.Dup3(fd, 1, 0); err != nil {
		return err
	}
	if both {
		if err := syscall.Dup3(fd, 2, 0); err != nil {
			return err
		}
	}
	for i := range l.console {
		c := &l.console[i]
		if c.opened && (i == 0 || both) {
			closeFd(c.fd)
			*c = console{}
		}
	}
	return nil
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
