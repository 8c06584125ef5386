package usage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/task"
)

// Sampler samples tasks again and again. A journal is read anew only when it
// has changed.
type Sampler struct {
	Root  string     // of the tasks; those that have ended are left out
	Tasks []task.Dir // these and no others, also when they have ended; empty: all below Root

	known map[task.Dir]*known
}

type known struct {
	view   *observer.View
	stamp  stamp
	before *Sample
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
	Err    error // why it cannot be read
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
		if k.view.Over() && len(s.Tasks) == 0 || errors.Is(k.view.Quarantine, observer.ErrNotTask) {
			continue
		}
		all = append(all, k.next())
	}
	s.known = next
	return all, nil
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
	k := &known{view: v, stamp: now}
	if old := s.known[dir]; old != nil {
		k.before = old.before
	}
	return k, nil
}

func (k *known) next() Now {
	n := Now{View: k.view}
	if n.Over() {
		k.before = nil
		return n
	}
	var err error
	if n.Sample, err = Read(n.View); err != nil {
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
