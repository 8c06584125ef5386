package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kernelPackage depends on the newest kernel for virtual machines.
const kernelPackage = "linux-image-cloud-amd64"

// cache is a directory of what is expensive to get. Each entry is made once,
// beside its place, and renamed into it: what is there is whole.
type cache struct{ dir string }

func openCache() (cache, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return cache{}, fmt.Errorf("find the cache: %w", err)
	}
	c := cache{filepath.Join(base, "dewar-vm")}
	return c, os.MkdirAll(c.dir, 0o755)
}

// once answers the path of an entry. If it is not there, make is called with a
// path to make it at; of two programs at once, one makes and the other waits.
func (c cache) once(name string, make func(path string) error) (path string, err error) {
	path = filepath.Join(c.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unlock, err := c.lock(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unfinished := path + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", err
	}
	if err := make(unfinished); err != nil {
		return "", errors.Join(err, os.RemoveAll(unfinished))
	}
	return path, os.Rename(unfinished, path)
}

func (c cache) lock(name string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(c.dir, name+".lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f.Close, nil
}

// kernel answers the path of a kernel and of its modules. Apt is asked only if
// the cache has none.
func (c cache) kernel() (image, modules string, err error) {
	dir, err := c.newest("linux-image-*-cloud-amd64")
	if err == nil && dir == "" {
		dir, err = c.fetchKernel()
	}
	if err != nil {
		return "", "", err
	}
	if image, err = only(filepath.Join(dir, "boot/vmlinuz-*")); err != nil {
		return "", "", err
	}
	// a merged or an unmerged /usr: both have been shipped
	for _, pattern := range []string{"lib/modules/*", "usr/lib/modules/*"} {
		if modules, err = only(filepath.Join(dir, pattern)); err == nil {
			return image, modules, nil
		}
	}
	return "", "", err
}

// newest is the entry that was made last, "" if there is none.
func (c cache) newest(pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(c.dir, pattern))
	if err != nil {
		return "", err
	}
	var newest string
	var made time.Time
	for _, dir := range found {
		info, err := os.Stat(dir)
		if err != nil {
			return "", err
		}
		if info.ModTime().After(made) {
			newest, made = dir, info.ModTime()
		}
	}
	return newest, nil
}

func only(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("look for the kernel: %d files match %s, not one", len(found), pattern)
	}
	return found[0], nil
}

func (c cache) fetchKernel() (string, error) {
	out, err := run("", "apt-cache", "depends", kernelPackage)
	if err != nil {
		return "", err
	}
	name := dependency(out, "linux-image-")
	if name == "" {
		return "", fmt.Errorf("apt knows no kernel behind %s (apt-get update first?)", kernelPackage)
	}
	return c.once(name, func(path string) error { return unpack(name, path) })
}

// dependency is the first package with that prefix in what apt-cache depends
// has said.
func dependency(said, prefix string) string {
	for line := range strings.Lines(said) {
		if _, name, ok := strings.Cut(line, "Depends: "); ok && strings.HasPrefix(name, prefix) {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// unpack downloads a package and unpacks its files. Nothing is installed.
func unpack(name, path string) (err error) {
	deb, err := os.MkdirTemp("", "dewar-vm-deb-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(deb)) }()
	if _, err := run(deb, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name); err != nil {
		return fmt.Errorf("%w (apt-get update first?)", err)
	}
	file, err := only(filepath.Join(deb, "*.deb"))
	if err != nil {
		return err
	}
	_, err = run(deb, "dpkg-deb", "-x", file, path)
	return err
}

// run runs a program to its end and answers its standard output.
func run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run %s: %w\n%s", strings.Join(cmd.Args, " "), err, errs.String())
	}
	return string(out), nil
}
