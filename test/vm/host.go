package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// consoleMark begins what the guest's first process says on the console when
// it cannot say it on its port.
const consoleMark = "dewar-vm: "

// boot starts a guest, passes on what its command writes, and answers the
// command's exit status. When it returns, nothing of the guest is left.
func boot(ctx context.Context, m machine, initramfs func(io.Writer) error, out, errs io.Writer) (status int, err error) {
	b := &booted{}
	defer func() { err = errors.Join(err, b.end()) }()
	port, err := b.start(m, initramfs)
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, b.kill)
	defer stop()
	v, err := follow(port, out, errs)
	if err == nil && v.Error != "" {
		err = fmt.Errorf("in the guest: %s", v.Error)
	}
	switch {
	case ctx.Err() != nil:
		return 0, b.withConsole(context.Cause(ctx))
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET):
		return 0, b.whyDead()
	}
	return v.Status, err
}

// follow passes on frames until the verdict.
func follow(port io.Reader, out, errs io.Writer) (v verdict, err error) {
	for {
		kind, data, err := readFrame(port)
		if err != nil {
			return v, err
		}
		switch kind {
		case frameOut:
			_, err = out.Write(data)
		case frameErr:
			_, err = errs.Write(data)
		case frameVerdict:
			return v, json.Unmarshal(data, &v)
		default:
			err = fmt.Errorf("a frame of kind %q", kind)
		}
		if err != nil {
			return v, fmt.Errorf("pass on the guest's output: %w", err)
		}
	}
}

// The programs of the host, and Debian's packages that they are in.
var (
	qemu      = struct{ name, pkg string }{"qemu-system-x86_64", "qemu-system-x86"}
	virtiofsd = struct{ name, pkg string }{"virtiofsd", "qemu-system-common (in newer releases virtiofsd)"}
)

// booted is a guest's processes on the host and their files.
type booted struct {
	console *os.File
	open    []*os.File
	procs   []*exec.Cmd
}

// start starts qemu and the server of its root, and answers our end of the
// guest's port. None of it has a name in a file system.
func (b *booted) start(m machine, initramfs func(io.Writer) error) (*os.File, error) {
	console, err := b.memory("console")
	if err != nil {
		return nil, err
	}
	b.console = console
	first, err := b.memory("initramfs")
	if err != nil {
		return nil, err
	}
	if err := initramfs(first); err != nil {
		return nil, fmt.Errorf("write the initramfs: %w", err)
	}
	ours, theirs, err := b.pair()
	if err != nil {
		return nil, err
	}
	root, err := b.serveRoot()
	if err != nil {
		return nil, err
	}
	program, err := find(qemu.name, qemu.pkg)
	if err != nil {
		return nil, err
	}
	m.Console, m.Initramfs, m.Port, m.Root = "/proc/self/fd/3", "/proc/self/fd/4", 5, 6
	if err := b.spawn(program, m.args(), console, first, theirs, root); err != nil {
		return nil, err
	}
	return ours, errors.Join(theirs.Close(), root.Close())
}

// serveRoot starts virtiofsd for the host's root, and answers a socket that is
// connected to it. It accepts one connection and ends with it.
func (b *booted) serveRoot() (*os.File, error) {
	program, err := find(virtiofsd.name, virtiofsd.pkg)
	if err != nil {
		return nil, err
	}
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	listening := b.keep(listener, "virtiofsd's socket")
	if err := unix.Bind(listener, &unix.SockaddrUnix{}); err != nil { // the kernel gives it a name without a file
		return nil, fmt.Errorf("bind a socket: %w", err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		return nil, fmt.Errorf("listen on a socket: %w", err)
	}
	name, err := unix.Getsockname(listener)
	if err != nil {
		return nil, fmt.Errorf("ask for a socket's name: %w", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	connected := b.keep(fd, "root")
	if err := unix.Connect(fd, name); err != nil {
		return nil, fmt.Errorf("connect a socket: %w", err)
	}
	args := []string{"--fd=3", "-o", "source=/", "-o", "sandbox=chroot", "-o", "cache=always", "-o", "log_level=err", "-f"}
	return connected, b.spawn(program, args, listening)
}

// spawn starts a process that ends at the latest with this one. Files become
// its descriptors from 3 on.
func (b *booted) spawn(program string, args []string, files ...*os.File) error {
	cmd := exec.Command(program, args...)
	cmd.ExtraFiles = files
	cmd.Stdout, cmd.Stderr = b.console, b.console
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	b.procs = append(b.procs, cmd)
	return nil
}

func (b *booted) kill() {
	for _, p := range b.procs {
		// an error means that it has ended by itself
		_ = p.Process.Kill()
	}
}

// end kills what still runs, waits for it and closes what is open.
func (b *booted) end() error {
	b.kill()
	var errs []error
	for _, p := range b.procs {
		var exit *exec.ExitError
		if err := p.Wait(); err != nil && !errors.As(err, &exit) {
			errs = append(errs, err)
		}
	}
	for _, f := range b.open {
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (b *booted) keep(fd int, name string) *os.File {
	f := os.NewFile(uintptr(fd), name)
	b.open = append(b.open, f)
	return f
}

// memory makes a file without a name.
func (b *booted) memory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	return b.keep(fd, name), nil
}

func (b *booted) pair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	return b.keep(fds[0], "port"), b.keep(fds[1], "qemu's port"), nil
}

// withConsole adds what the guest's kernel has said last, if it has said
// anything: of a guest that spins nobody else tells.
func (b *booted) withConsole(err error) error {
	text, readErr := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", b.console.Fd()))
	last := tail(strings.ReplaceAll(string(text), "\r", ""), 30)
	if readErr != nil || last == "" {
		return err
	}
	return fmt.Errorf("%w; the guest's console:\n%s", err, last)
}

// whyDead says from its console why a guest has ended without a verdict.
func (b *booted) whyDead() error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", b.console.Fd()))
	if err != nil {
		return err
	}
	return errors.New(deathOf(string(text)))
}

var panicLine = regexp.MustCompile(`(?m)Kernel panic - not syncing: (.*)$`)

// deathOf reads a console.
func deathOf(console string) string {
	console = strings.ReplaceAll(console, "\r", "")
	if m := panicLine.FindStringSubmatch(console); m != nil {
		return "the guest's kernel has panicked: " + m[1]
	}
	if _, line, ok := strings.Cut(console, consoleMark); ok {
		line, _, _ = strings.Cut(line, "\n")
		return "in the guest: " + line
	}
	return "the guest has ended without a word; its console:\n" + tail(console, 30)
}

// tail are the last n lines of text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
