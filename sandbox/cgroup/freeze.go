package cgroup

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// freezer is the file that stops a group: cgroup.freeze (v2, since 5.2) or
// freezer.state (v1). Its zero value is none.
type freezer struct{ file, on, off string }

// freezer is the group's file where it exists.
func (g Group) freezer() freezer {
	f := freezer{file: g.unified() + "/cgroup.freeze", on: "1", off: "0"}
	if g.unified() == "" {
		f = freezer{file: g.v1("freezer") + "/freezer.state", on: "FROZEN", off: "THAWED"}
	}
	if !exists(f.file) {
		return freezer{}
	}
	return f
}

func (f freezer) isV1() bool { return f.on == "FROZEN" }

// freeze answers whether the group stood still within limit (0: until ctx ends).
func (f freezer) freeze(s *stopper, limit time.Duration) (bool, error) {
	if f.file == "" {
		return false, nil
	}
	if err := writeFile(f.file, f.on); err != nil {
		if gone(err) {
			return false, nil
		}
		return false, err
	}
	if !f.isV1() {
		return s.await(path.Dir(f.file), func(now state) bool { return now.frozen }, limit)
	}
	// v1 has no event for it; reading the state is what moves it on.
	start, pause := time.Now(), time.Millisecond
	for {
		text, err := readFile(f.file)
		if gone(err) || err == nil && text == f.on {
			return err == nil, nil
		}
		if err != nil || limit > 0 && time.Since(start) >= limit {
			return false, err
		}
		if err := s.wait(nil, pause); err != nil {
			return false, err
		}
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// thaw lets the group, and every group below that was frozen by itself, go on.
func (f freezer) thaw() error {
	if f.file == "" {
		return nil
	}
	return walk(path.Dir(f.file), func(at string) error {
		err := writeFile(path.Join(at, path.Base(f.file)), f.off)
		if gone(err) {
			return nil
		}
		return err
	})
}

// Freeze stops the group and those below it, and waits until all stand still.
// If ctx ends first, the group is thawed again, and the error names who moves.
// It is errors.ErrUnsupported where no freezer is (v2 before 5.2; v1 without
// it), and nothing where no group is.
func (g Group) Freeze(ctx context.Context) error {
	f := g.freezer()
	if f.file == "" {
		if !g.Exists() {
			return nil
		}
		return fmt.Errorf("freeze group %s: this kernel has no freezer here: %w", g, errors.ErrUnsupported)
	}
	s, err := newStopper(ctx)
	if err != nil {
		return err
	}
	_, err = f.freeze(s, 0)
	if closed := s.close(); err == nil {
		err = closed
	}
	if err == nil {
		return nil
	}
	moving := g.moving()
	return errors.Join(fmt.Errorf("freeze group %s%s: %w", g, moving, err), f.thaw())
}

// moving names those that may be what did not freeze: in uninterruptible sleep
// they cannot.
func (g Group) moving() string {
	found, err := g.Procs()
	if err != nil {
		return ""
	}
	var names []string
	for _, pid := range found {
		one := describe(pid)
		if one.State == "D" && len(names) < most && one.Wchan != "__refrigerator" {
			names = append(names, one.String())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", where " + strings.Join(names, "; ") + " does not stand still"
}

// Thaw lets the group, and those below, go on.
func (g Group) Thaw() error { return g.freezer().thaw() }

// Frozen says whether everything in the group stands still, by our doing or by
// that of a group above.
func (g Group) Frozen() (bool, error) {
	f := g.freezer()
	if f.file == "" {
		return false, nil
	}
	if f.isV1() {
		text, err := readFile(f.file)
		return text == f.on, unlessMissing(err)
	}
	now, err := events(path.Dir(f.file))
	return now.frozen, unlessMissing(err)
}

func unlessMissing(err error) error {
	if gone(err) {
		return nil
	}
	return err
}
