package usage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/task"
)

// Sampler samples tasks again and again. A journal is read anew only when it
// has changed, and the files of groups are kept open, for as many tasks as half
// the descriptors that this process may have allow.
type Sampler struct {
	Root  string     // of the tasks; those that have ended are left out
	Tasks []task.Dir // these and no others, also when they have ended; empty: all below Root

	known map[task.Dir]*known
	spare int // descriptors that meters may still take
}

type known struct {
	view   *observer.View
	stamp  stamp
	before *Sample
	meter  *Meter
}

// stamp tells one state of a journal from another.
type stamp struct {
	size int64
	at   time.Time
}

// Now is how a task is at one moment.
type Now struct {
	*observer.View
	Sample Sample
	Rows   []Row // the task's first; none if it has ended, or cannot be read
	Err    error // why it cannot be read, as one of another user's
}

// Next samples all tasks, in the order of Tasks or else of their ids. A task
// that goes meanwhile is left out, unless it is one of Tasks.
func (s *Sampler) Next() ([]Now, error) {
	dirs := s.Tasks
	if len(dirs) == 0 {
		ids, err := observer.IDs(s.Root)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			dirs = append(dirs, task.Dir(filepath.Join(s.Root, id)))
		}
	}
	if err := s.count(); err != nil {
		return nil, err
	}
	next := make(map[task.Dir]*known, len(dirs))
	var all []Now
	for _, dir := range dirs {
		k, err := s.look(dir)
		if errors.Is(err, fs.ErrNotExist) && len(s.Tasks) == 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		next[dir] = k
		if k.ended() && len(s.Tasks) == 0 || errors.Is(k.view.Quarantine, observer.ErrNotTask) {
			if err := k.meter.Close(); err != nil {
				return nil, err
			}
			continue
		}
		all = append(all, k.next(&s.spare))
	}
	var left []error
	for dir, k := range s.known {
		if next[dir] == nil {
			left = append(left, k.meter.Close())
		}
	}
	s.known = next
	return all, errors.Join(left...)
}

// count finds out how many descriptors are to spare.
func (s *Sampler) count() error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("ask how many files may be open: %w", err)
	}
	s.spare = int(min(files.Cur, 1<<20)) / 2
	for _, k := range s.known {
		s.spare -= k.meter.open()
	}
	return nil
}

// Close gives back all descriptors.
func (s *Sampler) Close() error {
	var all []error
	for _, k := range s.known {
		all = append(all, k.meter.Close())
	}
	s.known = nil
	return errors.Join(all...)
}

// look is what is known of a task, read anew where it has changed.
func (s *Sampler) look(dir task.Dir) (*known, error) {
	var now stamp
	if info, err := os.Stat(dir.Journal()); err == nil {
		now = stamp{info.Size(), info.ModTime()}
	}
	if k := s.known[dir]; k != nil && k.stamp == now && now != (stamp{}) {
		k.view.Refresh()
		return k, nil
	}
	v, err := observer.Read(dir)
	if err != nil {
		return nil, err
	}
	k := &known{view: v, stamp: now, meter: &Meter{}}
	if old := s.known[dir]; old != nil {
		k.before = old.before
		return k, old.meter.Close() // limits may have changed, with the journal
	}
	return k, nil
}

// secret says that a task is another user's, of which we may not even know
// whether it has groups.
func (k *known) secret() bool { return errors.Is(k.view.Quarantine, fs.ErrPermission) }

// ended says that a task has; of one that is secret, that nobody keeps it.
func (k *known) ended() bool {
	return k.view.Over() || k.secret() && k.view.Shim == 0 && k.view.Brain == 0
}

func (k *known) next(spare *int) Now {
	n := Now{View: k.view}
	if n.Over() || k.secret() {
		k.before = nil
		if n.Err = k.meter.Close(); k.secret() && n.Err == nil {
			n.Err = fmt.Errorf("it is another user's, and cannot be read: %w", n.Quarantine)
		}
		return n
	}
	read := Read
	if had := k.meter.open(); had > 0 || *spare > cgroup.MeterFiles*(1+len(n.State.Processes)) {
		read = k.meter.Read
		defer func() { *spare -= k.meter.open() - had }()
	}
	var err error
	if n.Sample, err = read(n.View); err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // its groups are just being made, or removed
			n.Err = fmt.Errorf("read what task %s uses: %w", n.ID, err)
		}
		k.before = nil
		return n
	}
	n.Rows = Rows(k.before, n.Sample)
	k.before = &n.Sample
	return n
}
