package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The step between the guest's first process and the command, which joins the
// command's groups: `vm into-groups DIR,DIR UID GID GID,GID WORKDIR -- PATH ARG…`.
const intoGroups = "into-groups"

// drain is how long the output of processes is waited for that still hold it
// open when the command has ended.
const drain = time.Second

// run starts the command, is parent to every orphan of it, and answers its
// exit status when its output has been passed on.
func (j job) run(groups []string, frames *frameWriter) (int, error) {
	out, outDone, err := passOn(frameOut, frames)
	if err != nil {
		return 0, err
	}
	errs, errDone, err := passOn(frameErr, frames)
	if err != nil {
		return 0, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	if err := raiseLimits(); err != nil {
		return 0, err
	}
	args := append([]string{"vm", intoGroups, strings.Join(groups, ":"), strconv.Itoa(j.UID), strconv.Itoa(j.GID), numbers(j.Groups), j.Dir}, j.Args...)
	pid, err := syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{
		Env: j.Env, Files: []uintptr{null.Fd(), out.Fd(), errs.Fd()}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err := errors.Join(err, null.Close(), out.Close(), errs.Close()); err != nil {
		return 0, fmt.Errorf("start %s: %w", j.Args[0], err)
	}
	status, err := reapUntil(pid)
	if err != nil {
		return 0, err
	}
	late := time.After(drain)
	for _, done := range []chan error{outDone, errDone} {
		select {
		case err := <-done:
			if err != nil {
				return 0, err
			}
		case <-late:
			return status, nil
		}
	}
	return status, nil
}

// passOn makes a pipe whose contents become frames. Done carries the first
// error, or nil when nobody has the pipe open any more.
func passOn(kind byte, frames *frameWriter) (w *os.File, done chan error, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	done = make(chan error, 1)
	go func() {
		data := make([]byte, maxFrame)
		for {
			n, err := r.Read(data)
			if n > 0 {
				err = errors.Join(err, frames.write(kind, data[:n]))
			}
			if err == io.EOF {
				err = r.Close()
				done <- err
				return
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	return w, done, nil
}

// reapUntil waits for children, orphans among them, until pid has ended.
func reapUntil(pid int) (int, error) {
	for {
		var w syscall.WaitStatus
		got, err := syscall.Wait4(-1, &w, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, fmt.Errorf("wait for the command: %w", err)
		case got == pid:
			return statusOf(w), nil
		}
	}
}

// raiseLimits gives the command what a service has on a systemd machine: as
// many descriptors as it asks for.
func raiseLimits() error {
	limit := unix.Rlimit{Cur: 1 << 16, Max: 1 << 19}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of descriptors: %w", err)
	}
	return nil
}

// joinAndExec is the step. It returns only if it failed.
func joinAndExec(args []string) (status int, err error) {
	if len(args) < 6 {
		return statusBroken, fmt.Errorf("%s: %d words, too few", intoGroups, len(args))
	}
	for dir := range strings.SplitSeq(args[0], ":") {
		if dir == "" {
			continue // no groups to join
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
			return statusBroken, fmt.Errorf("join a group: %w", err)
		}
	}
	if err := becomeUser(args[1], args[2], args[3]); err != nil {
		return statusBroken, err
	}
	if err := os.Chdir(args[4]); err != nil {
		return statusBroken, err
	}
	argv := args[5:]
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 127, fmt.Errorf("find %s: %w", argv[0], err)
	}
	return 126, fmt.Errorf("execute %s: %w", path, syscall.Exec(path, argv, os.Environ()))
}

func becomeUser(uid, gid, groups string) error {
	var ids []int
	for _, text := range append([]string{uid, gid}, strings.Split(groups, ",")...) {
		id, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("read the user's numbers: %w", err)
		}
		ids = append(ids, id)
	}
	if err := syscall.Setgroups(ids[2:]); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	if err := syscall.Setgid(ids[1]); err != nil {
		return fmt.Errorf("set gid %d: %w", ids[1], err)
	}
	if err := syscall.Setuid(ids[0]); err != nil {
		return fmt.Errorf("set uid %d: %w", ids[0], err)
	}
	return nil
}

func numbers(list []int) string {
	var words []string
	for _, n := range list {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ",")
}
