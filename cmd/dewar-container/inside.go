//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
)

// inside is the process that libcontainer starts behind the walls: this binary
// again, as payload.c, which becomes or starts the command.
type inside struct {
	process *libcontainer.Process
	socket  int // ours; see wire.h
	theirs  *os.File
	words   *os.File // what libcontainer's init says when it dies
	ends    *os.File
	pid     int
}

// newInside gives the inner program the run's descriptors, in wire.h's order.
// self is this binary where it cannot be written to.
func newInside(w container.Walls, self *os.File) (*inside, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make the sockets for the init: %w", err)
	}
	words, ends, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the pipe for the init's errors: %w", err)
	}
	in := &inside{socket: pair[0], theirs: os.NewFile(uintptr(pair[1]), "socket"), words: words, ends: ends}
	stdout, stderr := os.NewFile(keptStdout, "stdout"), os.NewFile(keptStderr, "stderr")
	if err := errors.Join(give(stdout, w), give(stderr, w)); err != nil {
		return nil, err
	}
	nnp := w.NoNewPrivs
	in.process = &libcontainer.Process{
		Env:              environ(w),
		UID:              w.UID,
		GID:              w.GID,
		AdditionalGroups: w.Groups,
		Cwd:              w.Cwd,
		Stdin:            os.Stdin,
		Stdout:           ends,
		Stderr:           ends,
		ExtraFiles:       []*os.File{in.theirs, self, stdout, stderr},
		Capabilities:     capabilitySets(w),
		NoNewPrivileges:  &nnp,
	}
	return in, nil
}

const (
	keptStdout = 101 // wire.h
	keptStderr = 102
	insideSelf = "/proc/self/fd/4"
)

// give makes a log or a pipe the user's, who can then open /dev/stdout anew, as
// many programs do. A device belongs to others, too.
func give(f *os.File, w container.Walls) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the command's %s: %w", f.Name(), err)
	}
	if info.Mode()&os.ModeDevice != 0 {
		return nil
	}
	if err := f.Chown(w.UID, w.GID); err != nil && !errors.Is(err, unix.EINVAL) { // a socket's
		return fmt.Errorf("give the command its %s: %w", f.Name(), err)
	}
	return nil
}

func (in *inside) args(mode string, command []string) {
	in.process.Args = append([]string{insideSelf, "@" + mode}, command...)
}

// environ is the command's: the brain's, and what the shim has added to ours.
func environ(w container.Walls) []string {
	env := append([]string(nil), w.Env...)
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "NOTIFY_SOCKET=") {
			env = append(env, e)
		}
	}
	return env
}

// start has libcontainer's work done up to the inner program's first
// instruction.
func (in *inside) start(box *libcontainer.Container) error {
	err := box.Run(in.process)
	in.theirs.Close()
	in.ends.Close()
	if err != nil {
		return in.explain(err)
	}
	if in.pid, err = in.process.Pid(); err != nil {
		return in.explain(err)
	}
	return nil
}

// explain adds to an error what libcontainer's init has said.
func (in *inside) explain(err error) error {
	said, readErr := io.ReadAll(io.LimitReader(in.words, 2048))
	if text := strings.TrimSpace(string(said)); readErr == nil && text != "" {
		return fmt.Errorf("%w (%s)", err, text)
	}
	return err
}

// hold becomes @hold. Everything but its socket is closed by the execve.
func (in *inside) hold(mode, dir, name string, limits []string) error {
	if _, err := unix.FcntlInt(uintptr(in.socket), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("keep the init's socket: %w", err)
	}
	argv := append([]string{"dewar-container", "@hold", strconv.Itoa(in.socket), strconv.Itoa(in.pid), mode, dir, name}, limits...)
	err := syscall.Exec("/proc/self/exe", argv, holdEnv())
	return fmt.Errorf("become the run's main process: %w", err)
}

// holdEnv is what the shim needs to find in our environment.
func holdEnv() []string {
	var env []string
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "DEWAR_") {
			env = append(env, e)
		}
	}
	return env
}
