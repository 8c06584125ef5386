//go:build linux && cgo

package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
)

// rootFS opens the task's root file system: the directory that it names, or
// what is in the tar that it names, unpacked once into the task's directory.
func rootFS(w container.Walls) (*os.File, error) {
	src, err := openSource(w.Isolation.RootFS)
	if err != nil {
		return nil, fmt.Errorf("use the root file system: %w", err)
	}
	info, err := src.Stat()
	if err != nil {
		return nil, fmt.Errorf("use the root file system: %w", err)
	}
	if info.IsDir() {
		return src, nil
	}
	defer src.Close()
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("use the root file system: %s is neither a directory nor a tar", src.Name())
	}
	err = unpackOnce(w.TaskDir, src)
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("it is no tar, not a whole one, or compressed: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", src.Name(), err)
	}
	return openBelow(w.TaskDir, closet, unpacked)
}

// The task's own root file system is in a directory that is closed to everybody
// but root: a set-user-id program in it is for those behind the walls, and not
// for the machine's users. It has its name when it is whole.
const (
	closet   = "rootfs"
	unpacked = "root"
)

// unpackOnce unpacks for the first run of a task; others wait for it.
func unpackOnce(taskDir string, src *os.File) error {
	place := filepath.Join(taskDir, closet)
	if err := os.Mkdir(place, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(place, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	whole := filepath.Join(place, unpacked)
	if _, err := os.Lstat(whole); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := whole + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.Mkdir(part, 0o755); err != nil {
		return err
	}
	in, err := os.Open(procPath(src))
	if err != nil {
		return err
	}
	defer in.Close()
	if err := unpack(in, part); err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	return os.Rename(part, whole)
}

// unpack puts a tar's files into dir. Nothing is made through a link that
// leads out of it: an os.Root refuses, and so do we.
func unpack(in io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var dirs []*tar.Header
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(strings.TrimLeft(h.Name, "/"))
		if name == ".." || strings.HasPrefix(name, "../") {
			return fmt.Errorf("%s leads out of the root file system", h.Name)
		}
		h.Name = name
		if err := entry(root, h, r); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if h.Typeflag == tar.TypeDir {
			dirs = append(dirs, h)
		}
	}
	// Last, since making files in them changes their times.
	for _, h := range dirs {
		if err := root.Chtimes(h.Name, h.ModTime, h.ModTime); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return nil
}

// entry makes one file. What is there already is replaced, but for directories.
func entry(root *os.Root, h *tar.Header, data io.Reader) error {
	if h.Name != "." {
		if err := root.MkdirAll(filepath.Dir(h.Name), 0o755); err != nil {
			return err
		}
	}
	info, err := root.Lstat(h.Name)
	switch {
	case err == nil && !(info.IsDir() && h.Typeflag == tar.TypeDir):
		if err := root.Remove(h.Name); err != nil {
			return err
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(h.Name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case tar.TypeReg, tar.TypeGNUSparse:
		if err := regular(root, h.Name, data, h.Size); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := root.Symlink(h.Linkname, h.Name); err != nil {
			return err
		}
		return root.Lchown(h.Name, h.Uid, h.Gid)
	case tar.TypeLink:
		return root.Link(strings.TrimLeft(filepath.Clean(h.Linkname), "/"), h.Name)
	case tar.TypeXGlobalHeader, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return nil // the devices of a task are those that we make in /dev
	default:
		return fmt.Errorf("it is of type %q, which is not known", h.Typeflag)
	}
	return attributes(root, h)
}

func regular(root *os.Root, name string, data io.Reader, size int64) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := copySparse(f, data, size); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// copySparse copies so many bytes to a new file, and leaves a hole where there is
// nothing but zeros: a tar of a few kilobytes can say that a file has terabytes
// of them.
func copySparse(to *os.File, from io.Reader, size int64) error {
	var zeros, block [64 << 10]byte
	for at := int64(0); at < size; {
		b := block[:min(size-at, int64(len(block)))]
		if _, err := io.ReadFull(from, b); err != nil {
			return err
		}
		if !bytes.Equal(b, zeros[:len(b)]) {
			if _, err := to.WriteAt(b, at); err != nil {
				return err
			}
		}
		at += int64(len(b))
	}
	return to.Truncate(size)
}

// attributes come in this order because a new owner takes the set-id bits away.
func attributes(root *os.Root, h *tar.Header) error {
	if err := root.Lchown(h.Name, h.Uid, h.Gid); err != nil {
		return err
	}
	if err := root.Chmod(h.Name, h.FileInfo().Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return err
	}
	return root.Chtimes(h.Name, h.ModTime, h.ModTime)
}
