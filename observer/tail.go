package observer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/task"
)

// TailOptions say what Tail is to show. The zero value is all of the stdout of
// the latest run of a task's only process.
type TailOptions struct {
	Process string
	Run     *int   // nil: the latest, and with Follow those that come after it
	Stream  Stream // Stdout if it is empty
	Last    *int   // only so many lines of what there is at first, of the newest file; nil: all
	Follow  bool
	// Enter, unless nil, is called when another run's log is begun.
	Enter func(task.RunID) error
}

// Tail writes the log of a run to w. With Follow it goes on until there can be
// no more: the run that was named has ended, or the process will not run
// again; or until ctx ends, with its cause. It crosses the rotation of logs,
// and waits on inotify alone. Errors are sentences about what there is not.
func Tail(ctx context.Context, dir task.Dir, o TailOptions, w io.Writer) error {
	if o.Stream == "" {
		o.Stream = Stdout
	}
	f, err := startFollowing(dir)
	if err != nil {
		return err
	}
	t := &tail{following: f, TailOptions: o, to: w}
	err = t.run(ctx)
	return errors.Join(err, t.leave(), f.close())
}

// logEvents are what in a directory of logs says that there is more.
const logEvents = unix.IN_MODIFY | unix.IN_CREATE | unix.IN_MOVED_TO

// tail is a log that is being followed.
type tail struct {
	*following
	TailOptions
	to      io.Writer
	name    string      // of the process
	at      *task.RunID // whose log is being read
	log     *logFile    // nil: it is not there yet
	wd      int
	entered bool // some run's log was begun
}

func (t *tail) run(ctx context.Context) error {
	for {
		// First what is known, then the log: what was written before the
		// end that is known of is then read.
		t.gather()
		t.news = nil
		over, err := t.step()
		if err != nil || over {
			return err
		}
		if !t.Follow {
			return t.nothing()
		}
		if err := t.hearMore(ctx); err != nil {
			return err
		}
	}
}

// step shows what there is, run by run, and says whether that was all.
func (t *tail) step() (over bool, err error) {
	p, err := t.process()
	if err != nil {
		return false, err
	}
	if t.at == nil {
		if t.at, err = t.pick(p); t.at == nil {
			return t.Follow && p.final, err
		}
	}
	for {
		ended := p.ended(t.at.Run)
		if err := t.show(); err != nil {
			return false, err
		}
		if !t.Follow {
			return t.log != nil && t.log.file != nil, nil
		}
		if !ended {
			return false, nil
		}
		next := p.after(t.at.Run)
		if t.Run != nil || next == nil {
			return t.Run != nil || p.final, nil
		}
		if err := t.leave(); err != nil {
			return false, err
		}
		t.at = next
	}
}

// show passes on what is new of the log that is being read.
func (t *tail) show() error {
	if t.log == nil {
		d, err := openLogDir(t.dir, *t.at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.enter(&logFile{dir: d, stream: t.Stream}); err != nil {
			return err
		}
	}
	return t.log.copy(t.to)
}

func (t *tail) enter(l *logFile) error {
	t.log = l
	var err error
	if t.Follow {
		if t.wd, err = t.watch.add(fmt.Sprintf("/proc/self/fd/%d", l.dir.Fd()), logEvents); err != nil {
			return err
		}
	}
	last := -1
	if !t.entered && t.Last != nil {
		last = *t.Last
	}
	t.entered = true
	if err := l.begin(last); err != nil {
		return err
	}
	if t.Enter != nil {
		return t.Enter(*t.at)
	}
	return nil
}

// leave is done with the log of a run.
func (t *tail) leave() error {
	var err error
	if t.log != nil {
		if t.Follow && t.wd != 0 {
			err = t.watch.remove(t.wd)
		}
		err = errors.Join(err, t.log.close())
	}
	t.log, t.wd = nil, 0
	return err
}

// hearMore waits until there may be more.
func (t *tail) hearMore(ctx context.Context) error {
	for {
		events, err := t.watch.wait(ctx, time.Time{})
		if err != nil {
			return err
		}
		more := false
		for _, e := range events {
			switch {
			case e.wd == t.wd && t.log != nil:
				more = more || strings.HasPrefix(e.name, string(t.Stream))
			case e.wd == t.dirWd && e.gone():
				return t.removed()
			default:
				more = t.hear(e) || more
			}
		}
		if more {
			return nil
		}
	}
}

// nothing says why there is no log, where none was shown.
func (t *tail) nothing() error {
	switch p, err := t.process(); {
	case err != nil:
		return err
	case t.at == nil:
		return fmt.Errorf("process %s has not run yet", task.Quote(p.name))
	default:
		return fmt.Errorf("there is no %s of %s", t.Stream, t.at)
	}
}
