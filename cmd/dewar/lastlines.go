package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/task"
)

const (
	mostWatched = 64                     // runs whose logs are watched: a terminal has no more lines
	breath      = 200 * time.Millisecond // between two looks at busy logs
)

// lastLines tells what live runs log last, as they log it. Logs that cannot be
// read are passed over: they are ornament here, `dewar tail` says what is
// wrong with them.
type lastLines struct {
	dir    task.Dir
	tell   func(map[string]string) // by process; from the goroutines of watch and follow
	events *os.File                // inotify

	mu   sync.Mutex
	runs map[task.RunID]bool // that are watched
	logs map[int32]log       // by watch descriptor
}

type log struct {
	run    task.RunID
	stream observer.Stream
}

func newLastLines(dir task.Dir, tell func(map[string]string)) (*lastLines, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch the logs: %w", err)
	}
	return &lastLines{
		dir: dir, tell: tell, events: os.NewFile(uintptr(fd), "inotify"),
		runs: map[task.RunID]bool{}, logs: map[int32]log{},
	}, nil
}

func (l *lastLines) close() error { return l.events.Close() }

// watch watches the logs of these runs from now on, and of no others.
func (l *lastLines) watch(live []task.RunID) {
	l.mu.Lock()
	now := map[task.RunID]bool{}
	var fresh []log
	for _, run := range live[:min(len(live), mostWatched)] {
		now[run] = true
		for _, s := range []observer.Stream{observer.Stdout, observer.Stderr} {
			if !l.runs[run] {
				l.add(log{run, s})
				fresh = append(fresh, log{run, s})
			}
		}
	}
	for wd, log := range l.logs {
		if !now[log.run] {
			delete(l.logs, wd)
			_, _ = unix.InotifyRmWatch(int(l.events.Fd()), uint32(wd)) // it may have gone with its file
		}
	}
	l.runs = now
	l.mu.Unlock()
	l.say(fresh)
}

// add watches one log, through a descriptor: its path is in its user's hands.
func (l *lastLines) add(g log) {
	f, err := observer.OpenLog(l.dir, g.run, g.stream)
	if err != nil {
		return
	}
	defer f.Close()
	wd, err := unix.InotifyAddWatch(int(l.events.Fd()), fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.IN_MODIFY|unix.IN_MOVE_SELF)
	if err == nil {
		l.logs[int32(wd)] = g
	}
}

// follow tells of logs that grow, until ctx ends.
func (l *lastLines) follow(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		_ = l.events.SetReadDeadline(time.Unix(1, 0)) // its failure would show as following that outlives ctx
	})()
	buf := make([]byte, 16<<10)
	for {
		n, err := l.events.Read(buf)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("watch the logs: %w", err)
		}
		l.say(l.heard(buf[:n]))
		select {
		case <-ctx.Done():
		case <-time.After(breath):
		}
	}
}

// heard are the logs that have grown. One that was rotated is another file now.
func (l *lastLines) heard(b []byte) []log {
	l.mu.Lock()
	defer l.mu.Unlock()
	var grown []log
	seen := map[log]bool{}
	for len(b) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(b))
		mask := binary.NativeEndian.Uint32(b[4:])
		b = b[min(len(b), unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:]))):]
		g, known := l.logs[wd]
		if !known {
			continue
		}
		if mask&unix.IN_MOVE_SELF != 0 {
			delete(l.logs, wd)
			l.add(g)
		}
		if !seen[g] {
			seen[g] = true
			grown = append(grown, g)
		}
	}
	return grown
}

func (l *lastLines) say(logs []log) {
	lines := map[string]string{}
	for _, g := range logs {
		if line, err := observer.LastLine(l.dir, g.run, g.stream); err == nil && line != "" {
			lines[g.run.Process] = line
		}
	}
	if len(lines) > 0 {
		l.tell(lines)
	}
}
