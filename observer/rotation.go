package observer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// logFile is a log that is being read, across its rotation.
type logFile struct {
	dir    *os.File
	stream Stream
	file   *os.File // nil: there is none yet
	off    int64
}

// begin opens the log, if it is there: the newest file at the beginning of its
// last lines or, if lines is negative, the oldest file.
func (l *logFile) begin(lines int) error {
	oldest := 0
	if lines < 0 {
		numbers, err := l.numbers()
		if err != nil || len(numbers) == 0 {
			return err
		}
		oldest = slices.Max(numbers)
	}
	f, err := openLogFile(l.dir, numbered(l.stream, oldest))
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
	newer, err := l.successor(mine)
	if err != nil || newer == nil {
		return false, err
	}
	// It was written to its end before another was begun, not before we
	// looked for its end.
	if mine, err = l.file.Stat(); err == nil && mine.Size() > l.off {
		return true, newer.Close()
	}
	return true, errors.Join(err, l.turn(newer))
}

// successor opens the log that was begun when mine was full; it is nil if that
// is mine, or is just being renamed: of that we shall hear.
func (l *logFile) successor(mine os.FileInfo) (*os.File, error) {
	const looks = 20 // at a row of files that may all move up by one meanwhile
	for range looks {
		numbers, err := l.numbers()
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(numbers, func(n int) bool { return l.is(mine, n) })
		if at >= 0 {
			newer, sure, err := l.below(mine, numbers[at])
			if sure || err != nil {
				return newer, err
			}
			continue
		}
		if mine, err = l.file.Stat(); err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		if links(mine) == 0 && len(numbers) > 0 { // dropped: all that are left are newer
			f, err := openLogFile(l.dir, numbered(l.stream, slices.Max(numbers)))
			if !errors.Is(err, fs.ErrNotExist) {
				return f, err
			}
		}
	}
	// Its user has put it elsewhere.
	f, err := openLogFile(l.dir, string(l.stream))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return f, err
}

// below opens the next newer file than mine, the nth. It is sure of it if
// nothing has moved meanwhile: a row moves from its end, so what lies below
// mine stays as long as mine does.
func (l *logFile) below(mine os.FileInfo, n int) (newer *os.File, sure bool, err error) {
	m := n - 1
	for ; m >= 0 && newer == nil; m-- {
		newer, err = openLogFile(l.dir, numbered(l.stream, m))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, false, err
		}
	}
	sure = l.is(mine, n)
	for hole := m + 2; hole < n; hole++ {
		_, err := l.stat(hole)
		sure = sure && errors.Is(err, unix.ENOENT)
	}
	if !sure && newer != nil {
		return nil, false, newer.Close()
	}
	return newer, sure, nil
}

// is says whether mine is the nth file.
func (l *logFile) is(mine os.FileInfo, n int) bool {
	there, err := l.stat(n)
	st := mine.Sys().(*syscall.Stat_t)
	return err == nil && there.Dev == st.Dev && there.Ino == st.Ino
}

func (l *logFile) stat(n int) (st unix.Stat_t, err error) {
	err = unix.Fstatat(int(l.dir.Fd()), numbered(l.stream, n), &st, unix.AT_SYMLINK_NOFOLLOW)
	return st, err
}

// numbers are those of the log's files, 0 for the newest, in their order.
func (l *logFile) numbers() ([]int, error) {
	fd, err := openat(int(l.dir.Fd()), ".", unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("look for the rotated logs: %w", err)
	}
	d := os.NewFile(uintptr(fd), l.dir.Name())
	names, err := d.Readdirnames(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, fmt.Errorf("look for the rotated logs: %w", err)
	}
	var numbers []int
	for _, name := range names {
		if name == string(l.stream) {
			numbers = append(numbers, 0)
		}
		if after, ok := strings.CutPrefix(name, string(l.stream)+"."); ok {
			if n, err := strconv.Atoi(after); err == nil && n > 0 && numbered(l.stream, n) == name {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// links is how many names a file has.
func links(info os.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Nlink) }

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
