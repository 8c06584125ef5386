package observer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/task"
)

// Stream is one of the two things that a process says.
type Stream string

const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

// OpenLog opens the log of a run, the newest file of it. Nothing that its user
// may have planted is followed or waited for. The error is fs.ErrNotExist
// (errors.Is) if there is no log.
func OpenLog(dir task.Dir, id task.RunID, s Stream) (*os.File, error) {
	d, err := openLogDir(dir, id)
	if err != nil {
		return nil, err
	}
	f, err := openLogFile(d, string(s))
	return f, errors.Join(err, d.Close())
}

// openLogDir opens the directory of a run's logs, component by component.
func openLogDir(dir task.Dir, id task.RunID) (*os.File, error) {
	at := unix.AT_FDCWD
	path := string(dir)
	open := func(name string) (int, error) {
		fd, err := openat(at, name, unix.O_DIRECTORY)
		if err != nil {
			return -1, &fs.PathError{Op: "open the logs of " + id.String() + ": open", Path: path, Err: notFollowed(at, name, err)}
		}
		return fd, nil
	}
	fd, err := open(path)
	for _, name := range strings.Split(id.LogDir(), "/") {
		if err != nil {
			return nil, err
		}
		at, path = fd, path+"/"+name
		fd, err = open(name)
		unix.Close(at) // a directory that was only gone through
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openLogFile opens a regular file in a directory of logs.
func openLogFile(dir *os.File, name string) (*os.File, error) {
	fd, err := openat(int(dir.Fd()), name, unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, &fs.PathError{Op: "open the log", Path: dir.Name() + "/" + name, Err: notFollowed(int(dir.Fd()), name, err)}
	}
	f := os.NewFile(uintptr(fd), dir.Name()+"/"+name)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(f.Name(), info.Mode())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func openat(at int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(at, name, flags|unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// notFollowed makes a sentence of the refusal to go through a link.
func notFollowed(at int, name string, err error) error {
	var st unix.Stat_t
	if unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return errors.New("it is a link, which is not followed")
	}
	return err
}

// LastLine is the last line with anything in it that a run has logged, as it
// stands there, without its end; "" if there is none.
func LastLine(dir task.Dir, id task.RunID, s Stream) (string, error) {
	const most = 4096
	f, err := OpenLog(dir, id, s)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read the log: %w", err)
	}
	end := make([]byte, min(most, info.Size()))
	n, err := f.ReadAt(end, info.Size()-int64(len(end)))
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the log: %w", err)
	}
	end = bytes.TrimRight(end[:n], "\r\n \t")
	return string(end[bytes.LastIndexByte(end, '\n')+1:]), nil
}

// logFile is a log that is being read, across its rotation.
type logFile struct {
	dir    *os.File
	stream Stream
	file   *os.File // nil: there is none yet
	off    int64
}

// begin opens the log, if it is there, at the beginning of its last lines; all
// of them if lines is negative.
func (l *logFile) begin(lines int) error {
	f, err := openLogFile(l.dir, string(l.stream))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l.file = f
	if lines >= 0 {
		l.off, err = lastLines(f, lines)
	}
	return err
}

// copy writes what has come to w: the rest of the file that is being read,
// then what has come after it if that was rotated.
func (l *logFile) copy(w io.Writer) error {
	for {
		if l.file == nil {
			if err := l.begin(-1); err != nil || l.file == nil {
				return err
			}
		}
		n, err := io.Copy(w, io.NewSectionReader(l.file, l.off, 1<<62-l.off))
		l.off += n
		if err != nil {
			return fmt.Errorf("pass on the log: %w", err)
		}
		more, err := l.next()
		if err != nil || !more {
			return err
		}
	}
}

// next goes on to the file that followed the one that is read to its end, if
// that was rotated; or to its beginning, if it was emptied.
func (l *logFile) next() (more bool, err error) {
	mine, err := l.file.Stat()
	if err != nil {
		return false, fmt.Errorf("read the log: %w", err)
	}
	if mine.Size() < l.off {
		l.off = 0
		return true, nil
	}
	if mine.Size() > l.off {
		return true, nil
	}
	var newer *os.File // than mine, which may have become stdout.1, stdout.2 …
	for n := 0; ; n++ {
		f, err := openLogFile(l.dir, numbered(l.stream, n))
		if n == 0 && err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // it is just being rotated
			}
			return false, err
		}
		if err != nil {
			break // mine is gone: its followers begin with the oldest that is there
		}
		there, err := f.Stat()
		if err == nil && os.SameFile(mine, there) {
			if newer == nil {
				return false, f.Close()
			}
			err = f.Close()
			return err == nil, errors.Join(err, l.turn(newer))
		}
		if newer != nil {
			err = errors.Join(err, newer.Close())
		}
		if newer = f; err != nil {
			return false, errors.Join(err, newer.Close())
		}
	}
	return true, l.turn(newer)
}

// turn goes on with another file.
func (l *logFile) turn(f *os.File) error {
	old := l.file
	l.file, l.off = f, 0
	return old.Close()
}

func (l *logFile) close() error {
	err := l.dir.Close()
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
	}
	return err
}

func numbered(s Stream, n int) string {
	if n == 0 {
		return string(s)
	}
	return string(s) + "." + strconv.Itoa(n)
}

// lastLines is where the last n lines of a file begin.
func lastLines(f *os.File, n int) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("read the log: %w", err)
	}
	end := info.Size()
	if n == 0 {
		return end, nil
	}
	buf := make([]byte, 64<<10)
	for at := end; at > 0; {
		part := buf[:min(int64(len(buf)), at)]
		at -= int64(len(part))
		if _, err := f.ReadAt(part, at); err != nil && err != io.EOF {
			return 0, fmt.Errorf("read the log: %w", err)
		}
		for i := len(part) - 1; i >= 0; i-- {
			// A newline ends the line before it; one at the very end ends
			// the last line.
			if part[i] == '\n' && at+int64(i) != end-1 {
				if n--; n == 0 {
					return at + int64(i) + 1, nil
				}
			}
		}
	}
	return 0, nil
}
