package observer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// Change is what Follow tells.
type Change struct {
	View    *View
	Entries []machine.Entry // that have come since the last Change; of the first, all that there are
	First   bool
}

// taskEvents are what in a task's directory may change a View: appends and
// replacements, and closed lock files, which their owners' deaths close too.
const taskEvents = unix.IN_MODIFY | unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CLOSE_WRITE

// gathering is how long Follow gathers changes after it has told some, longest
// at most, if the task is not over: a busy task has thousands a second.
const gathering, longest = 25 * time.Millisecond, 500 * time.Millisecond

// Follow tells each what the task in dir is now, and again whenever that has
// changed, until each returns false or an error, which Follow returns. It ends
// with ctx, with its cause, and with fs.ErrNotExist (errors.Is) when the
// directory goes. Everything happens in the caller's goroutine. Changes that
// come close together are told as one; no entry is left out, told twice, or
// out of order, whatever becomes of the journal, unless it was compacted twice
// at once: then the snapshot itself tells what is missing.
func Follow(ctx context.Context, dir task.Dir, each func(Change) (more bool, err error)) error {
	f, err := startFollowing(dir)
	if err != nil {
		return err
	}
	more := true
	for more && err == nil {
		f.gather()
		if f.due(time.Now()) {
			more, err = f.tell(each)
			continue
		}
		err = f.await(ctx)
	}
	return errors.Join(err, f.close())
}

// following is a task that is followed.
type following struct {
	*fold
	watch   *watch
	dirWd   int // of the task's directory
	first   bool
	changed bool // since it was told
	news    []machine.Entry
	quiet   time.Time // nothing is told before
}

func startFollowing(dir task.Dir) (*following, error) {
	w, err := newWatch()
	if err != nil {
		return nil, err
	}
	wd, err := w.add(string(dir), taskEvents)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("follow task %s: %w", filepath.Base(string(dir)), err), w.close())
	}
	return &following{fold: newFold(dir), watch: w, dirWd: wd, first: true, changed: true}, nil
}

func (f *following) close() error {
	f.fold.close()
	return f.watch.close()
}

// gather reads what is new in the journal.
func (f *following) gather() {
	var news []machine.Entry
	news, f.trouble = f.read()
	f.news = append(f.news, news...)
}

// due says whether something is to be told now: the end of a task at once.
func (f *following) due(now time.Time) bool {
	return f.changed && (over(f.machine.Phase()) || !now.Before(f.quiet))
}

func (f *following) tell(each func(Change) (bool, error)) (more bool, err error) {
	start := time.Now()
	k := askKeepers(f.dir)
	f.gather()
	c := Change{View: f.view(k), Entries: f.news, First: f.first}
	if f.reader == nil && errors.Is(exists(f.dir), fs.ErrNotExist) {
		return false, f.removed()
	}
	f.first, f.changed, f.news = false, false, nil
	more, err = each(c)
	// A large task takes its time to view: that may be a tenth of ours.
	f.quiet = start.Add(min(max(gathering, 10*time.Since(start)), longest))
	return more, err
}

// await waits until something has happened that may be worth telling, or until
// what has changed may be told.
func (f *following) await(ctx context.Context) error {
	for {
		var until time.Time
		if f.changed {
			until = f.quiet
		}
		events, err := f.watch.wait(ctx, until)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return nil
		}
		relevant := false
		for _, e := range events {
			if e.gone() {
				return f.removed()
			}
			relevant = f.hear(e) || relevant
		}
		if relevant {
			f.changed = true
			return nil
		}
	}
}

// hear says whether an event may change the View.
func (f *following) hear(e happened) bool {
	if e.lost() {
		f.loadLaunch()
		return true
	}
	switch filepath.Join(string(f.dir), e.name) {
	case f.dir.TaskJSON():
		f.loadLaunch()
		return true
	case f.dir.Journal(), f.dir.BrainFailing(), f.dir.Shutdown(), f.dir.ShimSock(), f.dir.ControlSock():
		return true
	case f.dir.Lock(), f.dir.ShimLock():
		return e.mask&(unix.IN_CLOSE_WRITE|unix.IN_CREATE) != 0
	}
	return false
}

func (f *following) removed() error {
	return fmt.Errorf("follow task %s: its directory was removed: %w", filepath.Base(string(f.dir)), fs.ErrNotExist)
}
