package enter

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// pty is a terminal of the command's own: on the caller's, what the task's user
// runs could type for the caller.
type pty struct {
	master *os.File
	slave  *os.File
}

// openPty opens one that belongs to the user of the command.
func openPty(uid int) (*pty, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a terminal for the command: %w", err)
	}
	p := &pty{master: os.NewFile(uintptr(fd), "/dev/ptmx")}
	if err := p.open(fd, uid); err != nil {
		p.close()
		return nil, fmt.Errorf("open a terminal for the command: %w", err)
	}
	return p, nil
}

func (p *pty) open(fd, uid int) error {
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if p.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return p.slave.Chown(uid, -1)
	}
	return nil
}

func (p *pty) close() {
	p.master.Close()
	if p.slave != nil {
		p.slave.Close()
	}
}

// relay carries what is typed to the command and what it says back, until the
// function that it returns is called after the command's end: that one passes on
// the last words, and gives the caller's terminal back as it was. (Whoever reads
// what is typed waits for a key until the program ends.)
func (p *pty) relay(stdio Stdio) (restore func()) {
	p.slave.Close() // the command has it
	size := func() {
		if ws, err := unix.IoctlGetWinsize(int(stdio.Out.Fd()), unix.TIOCGWINSZ); err == nil {
			_ = p.control(func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, ws) }) // a picture that is too wide
		}
	}
	size()
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	before, rawErr := term.MakeRaw(int(stdio.In.Fd()))
	go pass(p.master, stdio.In)
	said := make(chan struct{})
	go func() {
		defer close(said)
		pass(stdio.Out, p.master) // ends with EIO when nobody has the other end, or by the deadline
	}()
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-changed:
				size()
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		close(ended)
		_ = p.master.SetReadDeadline(time.Now().Add(lastWords)) // a master can be waited for
		<-said
		if rawErr == nil {
			_ = term.Restore(int(stdio.In.Fd()), before) // the terminal may have gone
		}
	}
}

// pass passes on what is there as soon as it is there, until there is nothing
// more, or nobody hears it. (io.Copy would have the kernel do it, with
// sendfile(2), which waits for more than a terminal has.)
func pass(to io.Writer, from io.Reader) {
	var b [4096]byte
	for {
		n, err := from.Read(b[:])
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// lastWords is how long we listen to who holds the terminal after the command's
// end.
const lastWords = 100 * time.Millisecond

func (p *pty) control(do func(fd int) error) error {
	raw, err := p.master.SyscallConn()
	if err != nil {
		return err
	}
	var done error
	if err := raw.Control(func(fd uintptr) { done = do(int(fd)) }); err != nil {
		return err
	}
	return done
}
