//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/exeseal"
	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
)

// stage is where the tree that the command will see is put together, in our
// mount namespace: a small tmpfs, in which nothing lasts.
//
//	root     the command's /
//	self     this binary, read-only
//	<n>      what is bound into the tree, as it is to be there; by libcontainer, behind a /dev of its making
type stage struct {
	dir  string
	w    container.Walls
	self *os.File
	late []*configs.Mount // to be mounted by libcontainer, in order
	open []opened
	next int
}

// opened is something of the task's own that can be written to: a place on the
// stage, and where it is seen.
type opened struct{ place, target string }

// newStage makes the stage in the run's directory.
func newStage(runDir string, w container.Walls) (*stage, error) {
	s := &stage{dir: filepath.Join(runDir, container.StateName, "stage"), w: w}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the stage: %w", err)
	}
	if err := unix.Mount("tmpfs", s.dir, "tmpfs", unix.MS_NODEV, "mode=0700,size=64k"); err != nil {
		return nil, fmt.Errorf("mount the stage: %w", err)
	}
	// No copy of the machine's tree is to have the stage in it.
	if err := unix.Mount("", s.dir, "", unix.MS_UNBINDABLE, ""); err != nil {
		return nil, fmt.Errorf("keep the stage out of itself: %w", err)
	}
	return s, s.sealSelf()
}

// sealSelf opens this binary where nobody can write to it: a payload that is
// root finds it as /proc/1/exe (CVE-2019-5736). If another has taken its place
// since we were executed, a sealed copy serves, which costs memory.
func (s *stage) sealSelf() error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find our own program: %w", err)
	}
	if s.self, err = s.bindSelf(exe); err == nil {
		return nil
	}
	if s.self, err = exeseal.CloneSelfExe(s.dir); err != nil {
		return fmt.Errorf("seal our own program: %w", err)
	}
	return nil
}

func (s *stage) bindSelf(exe string) (*os.File, error) {
	path := filepath.Join(s.dir, "self")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return nil, err
	}
	// Not from /proc/self/exe itself, whose mount is the one of the namespace
	// that we were executed in.
	if err := unix.Mount(exe, path, "", unix.MS_BIND, ""); err != nil {
		return nil, err
	}
	if err := unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return nil, err
	}
	self, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	ours, errOurs := os.Stat("/proc/self/exe")
	bound, errBound := self.Stat()
	if errOurs != nil || errBound != nil || !os.SameFile(ours, bound) {
		return nil, errors.Join(errors.New("it has been replaced"), self.Close())
	}
	return self, nil
}

func (s *stage) root() string { return filepath.Join(s.dir, "root") }

// ownRoot says that / is not the machine's.
func (s *stage) ownRoot() bool { return s.w.Isolation.RootFS != "" }

// compose puts the command's tree together.
func (s *stage) compose() error {
	if err := shutSys(); err != nil {
		return err
	}
	if err := s.composeRoot(); err != nil {
		return err
	}
	if s.w.Isolation.Tmp == task.Private {
		tmp, err := openBelow(s.w.TaskDir, "sandbox", ".tmp")
		if err != nil {
			return err
		}
		if err := s.show(tmp, "/tmp", false, true); err != nil {
			return err
		}
	}
	if err := s.composeShm(); err != nil {
		return err
	}
	for _, v := range s.w.Isolation.Volumes {
		src, err := openSource(v.Source)
		if err != nil {
			return fmt.Errorf("volume %s: %w", v.Target, err)
		}
		if err := s.show(src, v.Target, v.ReadOnly, s.ownRoot()); err != nil {
			return fmt.Errorf("volume %s: %w", v.Target, err)
		}
	}
	if err := s.composeSandbox(); err != nil {
		return err
	}
	return s.composeReadOnly()
}

// composeRoot makes the tree's root: the machine's, with all that is mounted
// below it, or the task's.
func (s *stage) composeRoot() error {
	if err := os.Mkdir(s.root(), 0o755); err != nil {
		return fmt.Errorf("make the root's place: %w", err)
	}
	from := "/"
	if s.ownRoot() {
		dir, err := rootFS(s.w)
		if err != nil {
			return err
		}
		defer dir.Close()
		from = procPath(dir)
	}
	if err := bind(from, s.root()); err != nil {
		return fmt.Errorf("bind the root file system: %w", err)
	}
	return nil
}

// show makes src seen at a place of the tree, and closes it. Without makeIt the
// place has to be there: nothing is made on the machine's own file systems.
func (s *stage) show(src *os.File, target string, readOnly, makeIt bool) error {
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", src.Name(), err)
	}
	place, err := s.prepare(src, target, info.IsDir(), readOnly)
	if err != nil {
		return err
	}
	if s.ownRoot() && below(target, "/dev") { // libcontainer makes it
		s.late = append(s.late, &configs.Mount{Device: "bind", Source: place, Destination: target, Flags: unix.MS_BIND | unix.MS_REC})
		return nil
	}
	dst, err := openTarget(s.root(), target, makeIt, info.IsDir())
	if err != nil {
		return fmt.Errorf("find the place %s: %w", target, err)
	}
	defer dst.Close()
	if err := bind(place, procPath(dst)); err != nil {
		return fmt.Errorf("bind %s to %s: %w", src.Name(), target, err)
	}
	if !readOnly {
		s.open = append(s.open, opened{place, target})
	}
	return nil
}

// prepare binds src to a new place on the stage, and makes it read-only if it is
// to be so wherever the place is bound to. In the tree it would be too late:
// what runs in it already could have moved the target.
func (s *stage) prepare(src *os.File, target string, dir, readOnly bool) (place string, err error) {
	s.next++
	place = filepath.Join(s.dir, fmt.Sprint(s.next))
	if dir {
		err = os.Mkdir(place, 0o700)
	} else {
		err = os.WriteFile(place, nil, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("make a place on the stage: %w", err)
	}
	if err := bind(procPath(src), place); err != nil {
		return "", fmt.Errorf("bind %s for %s: %w", src.Name(), target, err)
	}
	if !readOnly {
		return place, nil
	}
	top, err := os.OpenFile(place, unix.O_PATH, 0)
	if err != nil {
		return "", fmt.Errorf("open %s on the stage: %w", target, err)
	}
	return place, shut(top)
}

// bind makes what is at from seen at to, with all that is mounted below it.
func bind(from, to string) error { return unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, "") }

// composeSandbox sees to it that the sandbox and the notify socket are where the
// environment says, though / or /tmp may not be the machine's.
func (s *stage) composeSandbox() error {
	box, err := openBelow(s.w.TaskDir, "sandbox")
	if err != nil {
		return err
	}
	if err := s.keep(box, true); err != nil {
		return err
	}
	path := os.Getenv("NOTIFY_SOCKET")
	if !strings.HasPrefix(path, "/") { // there is none, or it is an abstract one
		return nil
	}
	socket, err := os.OpenFile(path, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("open the notify socket: %w", err)
	}
	return s.keep(socket, false)
}

// keep makes src seen where it is on the machine, unless it is already, and
// closes it.
func (s *stage) keep(src *os.File, dir bool) error {
	there, err := openTarget(s.root(), src.Name(), false, dir)
	if err != nil {
		return s.show(src, src.Name(), false, true)
	}
	defer there.Close()
	if !sameFile(src, there) {
		return s.show(src, src.Name(), false, true)
	}
	defer src.Close()
	place, err := s.prepare(src, src.Name(), dir, false)
	if err != nil {
		return err
	}
	s.open = append(s.open, opened{place, src.Name()})
	return nil
}

// composeReadOnly makes paths read-only, with all that is mounted below them but
// for what is the task's own. Those in /proc, /sys and an own /dev are
// libcontainer's, and so are those to be hidden, which have to be there.
func (s *stage) composeReadOnly() error {
	for _, path := range s.w.Isolation.Hidden {
		if s.libcontainers(path) {
			continue
		}
		if err := s.mayHide(path); err != nil {
			return fmt.Errorf("hide %s: %w", path, err)
		}
	}
	for _, path := range slices.Sorted(slices.Values(s.w.Isolation.ReadOnly)) { // one above comes before those below
		if s.libcontainers(path) {
			continue
		}
		if err := s.shutPath(path); err != nil {
			return fmt.Errorf("make %s read-only: %w", path, err)
		}
	}
	return nil
}

// has says whether the tree has a place: libcontainer would make it.
func (s *stage) has(path string) bool {
	f, err := openTarget(s.root(), path, false, true)
	return err == nil && f.Close() == nil
}

func (s *stage) libcontainers(path string) bool {
	return below(path, "/proc") || below(path, "/sys") || s.ownRoot() && below(path, "/dev")
}

func below(path, top string) bool { return path == top || strings.HasPrefix(path, top+"/") }

func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}
