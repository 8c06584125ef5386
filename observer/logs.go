package observer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
