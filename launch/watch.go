package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/task"
)

// watch hears when a name appears in a directory, or goes.
type watch struct{ events *os.File }

func watchDir(dir task.Dir) (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch the task's directory: %w", err)
	}
	w := &watch{os.NewFile(uintptr(fd), "inotify")}
	if _, err := unix.InotifyAddWatch(fd, string(dir), unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE); err != nil {
		return nil, errors.Join(fmt.Errorf("watch %s: %w", dir, err), w.Close())
	}
	return w, nil
}

func (w *watch) Close() error { return w.events.Close() }

// wait returns nil when something has happened since the last call, or when
// `most` has passed; else ctx's error.
func (w *watch) wait(ctx context.Context, most time.Duration) error {
	if err := w.events.SetReadDeadline(time.Now().Add(most)); err != nil {
		return fmt.Errorf("watch the task's directory: %w", err)
	}
	wake := func() { _ = w.events.SetReadDeadline(time.Unix(1, 0)) } // it succeeded above
	defer context.AfterFunc(ctx, wake)()
	_, err := w.events.Read(make([]byte, 4096))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("watch the task's directory: %w", err)
	}
	return nil
}
