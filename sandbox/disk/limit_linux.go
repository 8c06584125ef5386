package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Look says how a limit can be kept for what is in dir, which has to be there.
// Nothing is changed by it.
func Look(dir string) (Ways, error) {
	w, err := locate(dir)
	if err != nil {
		return Ways{}, err
	}
	s, err := openSystem(dir)
	if err != nil {
		return Ways{}, err
	}
	defer s.close()
	state, err := s.state()
	if err != nil {
		return Ways{}, err
	}
	if w = w.judge(dir, state); !w.Project {
		return w, nil
	}
	_, err = s.get(firstID) // needs what setting one needs
	if errors.Is(err, unix.EPERM) {
		return w.forbid(dir), nil
	}
	return w, err
}

// locate finds where a directory is mounted.
func locate(dir string) (Ways, error) {
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return Ways{}, fmt.Errorf("find the file system of %s: %w", dir, err)
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Ways{}, fmt.Errorf("find the file system of %s: %w", dir, err)
	}
	w, ok := mountOf(string(text), path)
	if !ok {
		return Ways{}, fmt.Errorf("find the file system of %s: it is on no mount that /proc/self/mountinfo shows", dir)
	}
	return w, nil
}

// Choose chooses a project for what a task has in dir: one of ours that holds
// nothing and has no limit. It is free until Limit; of two tasks whose ids hash
// alike (1 in 268,435,456), and that choose in the same instant, both get it.
func Choose(dir, task string) (Quota, error) {
	w, err := Look(dir)
	if err != nil {
		return Quota{}, err
	}
	if !w.Project {
		return Quota{}, errors.New(w.Why)
	}
	s, err := openSystem(w.Mount)
	if err != nil {
		return Quota{}, err
	}
	defer s.close()
	for id := range candidates(task) {
		q, err := s.get(id)
		if err != nil {
			return Quota{}, err
		}
		if q.hardSpace|q.softSpace|q.bytes|q.hardFiles|q.softFiles|q.files == 0 {
			return Quota{id, w.Mount}, nil
		}
	}
	return Quota{}, fmt.Errorf("choose a project for task %s on %s: %d in a row are taken", task, w.Mount, tries)
}

// Limit limits what is in dir, now and later, to so many bytes, rounded down to
// the file system's blocks. It may be repeated, and has to be after a restart of
// the machine: a limit is on disk only when the file system has written it.
//
// What is there already is taken into the project, but for files with several
// links, which may be others' too, and for what is no file or directory. Dir
// itself comes last, and says from then on, also after a restart of the machine,
// that all has been taken in: file systems write such changes in their order.
// It is safe whatever the sandbox's user does meanwhile,
// but what escapes it then is not limited: the first Limit comes before the
// first process.
func Limit(ctx context.Context, dir string, q Quota, bytes int64) error {
	if err := q.Resize(bytes); err != nil {
		return err
	}
	return assign(ctx, dir, q.ID)
}

// Resize changes the limit of what Limit has limited, at once. Below what is in
// use nothing is lost; all writes fail.
func (q Quota) Resize(bytes int64) error {
	s, err := openSystem(q.Mount)
	if err != nil {
		return err
	}
	defer s.close()
	state, err := s.state()
	if err != nil {
		return err
	}
	if state&enforced == 0 {
		return fmt.Errorf("limit project %d on %s: project quotas are not, or no longer, enforced there", q.ID, q.Mount)
	}
	block, err := s.block()
	if err != nil {
		return err
	}
	limit, err := units(bytes, block)
	if err != nil {
		return fmt.Errorf("limit project %d on %s: %w", q.ID, q.Mount, err)
	}
	return s.set(q.ID, limit)
}

// Usage asks the kernel for what the project holds: exact, and as of now.
// Deleted files that are still open are part of it.
func (q Quota) Usage() (Usage, error) {
	s, err := openSystem(q.Mount)
	if err != nil {
		return Usage{}, err
	}
	defer s.close()
	now := time.Now()
	d, err := s.get(q.ID)
	return Usage{Bytes: int64(d.bytes), Files: int64(d.files), Begun: now, Finished: now}, err
}

// Release lifts the limit. What is in the project stays in it, however much
// that is, and takes nobody's room: Choose passes the project over until all of
// it has been removed. It may be repeated, and the tree may be gone.
func Release(q Quota) error {
	s, err := openSystem(q.Mount)
	if err != nil {
		return err
	}
	defer s.close()
	return s.set(q.ID, 0)
}
