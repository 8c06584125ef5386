package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// AwaitEnd returns nil when process pid has ended, or ctx's error. It need not
// be a child of ours; a zombie has ended.
func AwaitEnd(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch process %d: %w", pid, err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	err = ended(ctx, f)
	return errors.Join(err, f.Close())
}

// ended waits in the runtime's poller, so that no thread is held.
func ended(ctx context.Context, pidfd *os.File) error {
	raw, err := pidfd.SyscallConn()
	if err != nil {
		return fmt.Errorf("watch a process: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		_ = pidfd.SetReadDeadline(time.Unix(1, 0)) // its failure would show as a wait that outlives ctx
	})()
	var fault error
	err = raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, fault = unix.Poll(fds, 0)
		if errors.Is(fault, unix.EINTR) {
			fault = nil
		}
		return fault != nil || fds[0].Revents != 0
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := errors.Join(err, fault); err != nil {
		return fmt.Errorf("watch a process: %w", err)
	}
	return nil
}
