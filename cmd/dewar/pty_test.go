package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program on a pseudo terminal of its own, and everything that
// it has written there.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	read   chan struct{} // closed when there is nothing more to read

	mu      sync.Mutex
	written bytes.Buffer
	changed chan struct{} // capacity 1
}

// onTerminal starts a program on a terminal of 24 lines and 80 columns.
func onTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	master, slave := openPTY(t)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	p := &terminal{t: t, cmd: cmd, master: master, read: make(chan struct{}), changed: make(chan struct{}, 1)}
	go p.collect()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
		p.master.Close()
		<-p.read
	})
	return p
}

func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

func (p *terminal) collect() {
	defer close(p.read)
	b := make([]byte, 4096)
	for {
		n, err := p.master.Read(b)
		p.mu.Lock()
		p.written.Write(b[:n])
		p.mu.Unlock()
		select {
		case p.changed <- struct{}{}:
		default:
		}
		if err != nil { // EIO: the last one has closed the terminal
			return
		}
	}
}

func (p *terminal) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.String()
}

// sees waits until the program has written text.
func (p *terminal) sees(text string) {
	p.t.Helper()
	deadline := time.After(20 * time.Second)
	for !strings.Contains(p.text(), text) {
		select {
		case <-p.changed:
		case <-p.read:
			if !strings.Contains(p.text(), text) {
				p.t.Fatalf("the program never writes %q, but:\n%q", text, p.text())
			}
		case <-deadline:
			p.t.Fatalf("the program does not write %q, but:\n%q", text, p.text())
		}
	}
}

// types sends keys.
func (p *terminal) types(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the program's end and returns its exit status.
func (p *terminal) ends() int {
	p.t.Helper()
	timer := time.AfterFunc(30*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	<-p.read
	if err := p.cmd.Wait(); err != nil && p.cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}
