package observer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// watch hears what happens in directories, from the kernel.
type watch struct {
	events *os.File
	buf    [16 << 10]byte
}

// happened is an event: what, to which name, in the directory of which add.
type happened struct {
	wd   int
	mask uint32
	name string
}

// lost says that events were lost: everything may have happened.
func (h happened) lost() bool { return h.mask&unix.IN_Q_OVERFLOW != 0 }

// gone says that the watched directory itself went.
func (h happened) gone() bool {
	return h.mask&(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_UNMOUNT) != 0
}

func newWatch() (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		return nil, fmt.Errorf("watch a task: the user has too many inotify instances; raise fs.inotify.max_user_instances: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("watch a task: %w", err)
	}
	return &watch{events: os.NewFile(uintptr(fd), "inotify")}, nil
}

func (w *watch) close() error { return w.events.Close() }

// add begins to watch a directory, which must be no link.
func (w *watch) add(path string, mask uint32) (wd int, err error) {
	wd, err = unix.InotifyAddWatch(int(w.events.Fd()), path, mask|unix.IN_ONLYDIR|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF)
	if err != nil {
		return 0, fmt.Errorf("watch %s: %w", path, err)
	}
	return wd, nil
}

// remove ends an add. Events of it may still come.
func (w *watch) remove(wd int) error {
	if _, err := unix.InotifyRmWatch(int(w.events.Fd()), uint32(wd)); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("stop watching: %w", err)
	}
	return nil
}

// wait returns what has happened since the last call, at least one event; none
// if until, unless zero, has passed before. It ends with ctx, with its cause.
func (w *watch) wait(ctx context.Context, until time.Time) ([]happened, error) {
	if err := w.events.SetReadDeadline(until); err != nil {
		return nil, fmt.Errorf("watch a task: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		_ = w.events.SetReadDeadline(time.Unix(1, 0)) // as above
	})
	n, err := w.events.Read(w.buf[:])
	stop()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("watch a task: %w", err)
	}
	return parseEvents(w.buf[:n]), nil
}

// parseEvents reads the structs inotify_event of inotify(7).
func parseEvents(b []byte) []happened {
	var all []happened
	for len(b) >= unix.SizeofInotifyEvent {
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		all = append(all, happened{
			wd:   int(int32(binary.NativeEndian.Uint32(b))),
			mask: binary.NativeEndian.Uint32(b[4:]),
			name: strings.TrimRight(string(b[unix.SizeofInotifyEvent:size]), "\x00"),
		})
		b = b[size:]
	}
	return all
}
