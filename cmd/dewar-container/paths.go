//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"
)

// mostLinks bounds the links of one path, as the kernel does.
const mostLinks = 40

// openSource opens a place of the machine that a task names, so that no user
// can send us elsewhere: a link is followed only if root owns it.
func openSource(path string) (*os.File, error) {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /: %w", err)
	}
	parts, links := strings.Split(path, "/"), 0
	for len(parts) > 0 {
		part := parts[0]
		parts = parts[1:]
		if part == "" || part == "." {
			continue
		}
		next, target, err := step(fd, part)
		if err == nil && target != "" {
			if links++; links > mostLinks {
				err = unix.ELOOP
			}
			parts = append(strings.Split(target, "/"), parts...)
			if strings.HasPrefix(target, "/") {
				next, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			} else {
				next, err = unix.Dup(fd)
			}
		}
		unix.Close(fd)
		if err != nil {
			return nil, fmt.Errorf("open %s: %s: %w", path, part, err)
		}
		fd = next
	}
	return os.NewFile(uintptr(fd), path), nil
}

var errPlanted = errors.New("it is a link that is not root's, and is not followed")

// step goes one name further: to what it opens, or to where the link leads
// that it is.
func step(dir int, name string) (fd int, target string, err error) {
	fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return fd, "", nil
	}
	defer unix.Close(fd)
	if st.Uid != 0 {
		return -1, "", errPlanted
	}
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return -1, "", err
	}
	return -1, string(buf[:n]), nil
}

// openBelow opens a directory without following any link.
func openBelow(dir string, names ...string) (*os.File, error) {
	at, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	for _, name := range names {
		fd, err := unix.Openat(int(at.Fd()), name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		path := at.Name() + "/" + name
		at.Close()
		if err != nil {
			return nil, fmt.Errorf("open %s, a directory and no link: %w", path, err)
		}
		at = os.NewFile(uintptr(fd), path)
	}
	return at, nil
}

// openTarget opens a place inside of root, following links as they will be
// followed inside. If make, what is not there is made, as a directory or an
// empty file.
func openTarget(root, path string, makeIt, dir bool) (*os.File, error) {
	f, err := pathrs.OpenInRoot(root, path)
	if err == nil || !makeIt || !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	at := path
	if !dir {
		at = parentOf(path)
	}
	if err := pathrs.MkdirAll(root, at, 0o755); err != nil {
		return nil, err
	}
	if !dir {
		if err := makeFile(root, at, path[strings.LastIndexByte(path, '/')+1:]); err != nil {
			return nil, err
		}
	}
	return pathrs.OpenInRoot(root, path)
}

func parentOf(path string) string { return path[:strings.LastIndexByte(path, '/')+1] }

func makeFile(root, dir, name string) error {
	at, err := pathrs.OpenInRoot(root, dir)
	if err != nil {
		return err
	}
	defer at.Close()
	fd, err := unix.Openat(int(at.Fd()), name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// procPath is a path that leads to exactly what a descriptor has open.
func procPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }
