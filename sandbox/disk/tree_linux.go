package disk

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

const (
	maxOpen  = 24      // directories held open at once
	maxDepth = 1 << 16 // levels
	bufSize  = 16 << 10
)

// tree streams what is below a directory, whatever its user does to it
// meanwhile: nothing is opened but directories, each by one name in an open
// directory, never through a link or into another mount.
//
// Of the way from the top down to where it reads, the top and the deepest
// directories are open. Those between are closed: the way back up is "..", if
// that is still the directory that we came from, and a seek.
type tree struct {
	top    node
	flags  int // for stat
	levels []level
	opened int // how many of levels are open
	spare  []*window
}

// level is a directory on the way.
type level struct {
	id   fileID
	next int64   // where to go on reading
	open *window // nil if it is closed
}

// window is an open directory, and what has been read of it and not looked at.
type window struct {
	fd   int
	buf  [bufSize]byte
	left []byte
}

// found is what one step came to.
type found struct {
	node        // zero if it is not known
	dir  int    // the file is name in this open directory, until the next step
	name []byte // with its NUL; empty for a directory, which is dir itself
	what finding
	err  error // of missed: a sentence
}

type finding uint8

const (
	nothing finding = iota // the step was spent on something else
	file
	folder  // before anything in it
	mounted // a mount point
	missed  // err says why
	end
)

// openTree opens a directory, which must be no link, to be read from its top.
func openTree(path string) (*tree, found, error) {
	fd, err := unix.Open(path, dirFlags, 0)
	if err != nil {
		return nil, found{}, fmt.Errorf("open %s to count what it holds: %w", path, err)
	}
	flags := lazy(fd)
	top, err := stat(fd, self, flags)
	if err != nil {
		return nil, found{}, errors.Join(fmt.Errorf("look at %s: %w", path, err), unix.Close(fd))
	}
	t := &tree{top: top, flags: flags}
	t.push(fd, top.id)
	return t, found{node: top, dir: fd, name: self, what: folder}, nil
}

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

var self = []byte{0}

// close closes what is open. A directory that was only read cannot fail to.
func (t *tree) close() {
	for _, l := range t.levels {
		if l.open != nil {
			_ = unix.Close(l.open.fd)
		}
	}
	t.levels = nil
}

// step does one small piece of work: a few system calls at most.
func (t *tree) step() found {
	if len(t.levels) == 0 {
		return found{what: end}
	}
	here := &t.levels[len(t.levels)-1]
	if len(here.open.left) == 0 {
		return t.fill(here)
	}
	d, left, ok := parse(here.open.left)
	if !ok {
		here.open.left = nil
		return t.leave(fmt.Errorf("read a directory: the kernel answered an unknown format"))
	}
	here.open.left, here.next = left, d.next
	if d.dots() {
		return found{}
	}
	return t.look(here.open.fd, d.name)
}

// fill reads more names, or leaves the directory if there are none.
func (t *tree) fill(here *level) found {
	w := here.open
	n, err := unix.Getdents(w.fd, w.buf[:])
	switch {
	case err == unix.EINTR:
		return found{}
	case n > 0:
		w.left = w.buf[:n]
		return found{}
	case err == nil || err == unix.ENOENT: // ENOENT: it has been removed
		return t.leave(nil)
	}
	return t.leave(fmt.Errorf("read a directory: %w", err))
}

func (t *tree) look(dir int, name []byte) found {
	n, err := stat(dir, name, t.flags)
	if err == unix.ENOENT {
		return found{}
	}
	if err != nil {
		return miss("look at", name, err)
	}
	switch {
	case !within(t.top, n):
		return found{node: n, what: mounted}
	case n.kind != directory:
		return found{node: n, dir: dir, name: name, what: file}
	}
	return t.enter(dir, name, n)
}

// enter goes into a directory, which n was when it was looked at.
func (t *tree) enter(dir int, name []byte, n node) found {
	if len(t.levels) == maxDepth {
		f := miss("enter", name, fmt.Errorf("it is more than %d levels deep", maxDepth))
		f.node = n
		return f
	}
	fd, err := unix.Openat(dir, string(name[:len(name)-1]), dirFlags, 0)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EINTR: // gone, or something else now
		return found{}
	default:
		f := miss("open", name, err)
		f.node = n
		return f
	}
	n, err = stat(fd, self, t.flags)
	if err != nil || !within(t.top, n) {
		_ = unix.Close(fd)
		if err != nil {
			return miss("look at", name, err)
		}
		return found{node: n, what: mounted}
	}
	t.push(fd, n.id)
	return found{node: n, dir: fd, name: self, what: folder}
}

// miss says why something below could not be looked at. It copies the name,
// which lives in a buffer.
func miss(verb string, name []byte, err error) found {
	return found{what: missed, err: fmt.Errorf("%s %q: %w", verb, name[:len(name)-1], err)}
}

// push goes down into an open directory.
func (t *tree) push(fd int, id fileID) {
	if t.opened == maxOpen {
		shallow := &t.levels[len(t.levels)-maxOpen+1] // the first but the top
		t.drop(shallow)
	}
	t.levels = append(t.levels, level{id: id, open: t.window(fd)})
	t.opened++
}

// leave goes back up. err is why not all of the directory was read.
func (t *tree) leave(err error) found {
	f := found{}
	if err != nil {
		f = found{what: missed, err: err}
	}
	last := len(t.levels) - 1
	here := &t.levels[last]
	if last > 0 && t.levels[last-1].open == nil {
		if err := t.reopen(here.open.fd, &t.levels[last-1]); err != nil {
			t.drop(here)
			t.levels = t.levels[:1] // all between are closed
			return found{what: missed, err: fmt.Errorf("go back up from a directory: %w", err)}
		}
	}
	t.drop(here)
	t.levels = t.levels[:last]
	return f
}

var errMoved = errors.New("it has been moved elsewhere")

// reopen opens the level above an open directory again.
func (t *tree) reopen(from int, up *level) error {
	fd, err := unix.Openat(from, "..", dirFlags, 0)
	if err != nil {
		return err
	}
	n, err := stat(fd, self, t.flags)
	if err == nil && n.id != up.id {
		err = errMoved
	}
	if err == nil {
		_, err = unix.Seek(fd, up.next, io.SeekStart)
	}
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	up.open = t.window(fd)
	t.opened++
	return nil
}

func (t *tree) window(fd int) *window {
	if n := len(t.spare); n > 0 {
		w := t.spare[n-1]
		t.spare = t.spare[:n-1]
		w.fd = fd
		return w
	}
	return &window{fd: fd}
}

// drop closes a level's directory. What is left in its buffer is read again.
func (t *tree) drop(l *level) {
	_ = unix.Close(l.open.fd)
	l.open.left = nil
	t.spare = append(t.spare, l.open)
	l.open = nil
	t.opened--
}
