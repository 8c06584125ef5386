package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// killAll measures how long a group takes to be killed and seen empty that n
// processes sleep in.
func killAll(v *viewer, n int) (rows []Row, err error) {
	tree, err := v.tree()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, raze(tree)) }()
	rows = newRows("ms", "")
	for range min(v.times, 3) {
		leaf, err := v.leaf(tree, "web", cgroup.Limits{CPU: 0.5, RAM: 16 << 30, Pids: int64(2 * n)})
		if err != nil {
			return nil, err
		}
		family, _, err := have(n, leaf)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		begun := time.Now()
		err = leaf.Kill(ctx)
		rows[0].Values = append(rows[0].Values, float64(time.Since(begun))/1e6)
		cancel()
		if err := errors.Join(err, killed(family.Wait())); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// have starts n processes that sleep, children of one more, all in these groups,
// and answers who the n are.
func have(n int, groups ...cgroup.Group) (*exec.Cmd, []string, error) {
	cmd := exec.Command("/proc/self/exe", "family", strconv.Itoa(n))
	for _, g := range groups {
		cmd.Args = append(cmd.Args, doors(g)...)
	}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("wait for %d processes: %q: %w", n, said, err), cmd.Process.Kill(), cmd.Wait())
	}
	return cmd, strings.Fields(said), nil
}

// doors are the files by which a process enters a group.
func doors(g cgroup.Group) []string {
	unified, files := g.Entry()
	if unified != "" {
		files = append(files, unified+"/cgroup.procs")
	}
	return files
}

// killed is nil for what Wait says of one who was killed.
func killed(ended error) error {
	var exit *exec.ExitError
	if errors.As(ended, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("a process ended by %v, not by KILL", ended)
}

// family is the command `family N FILE…`: it enters groups by their
// cgroup.procs, has N children that sleep, says so with a line, and sleeps.
func family(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for _, file := range args[1:] {
		if err := os.WriteFile(file, []byte("0"), 0); err != nil {
			return err
		}
	}
	var pids []string
	for range n {
		child, errno := fork()
		switch {
		case errno != 0:
			return fmt.Errorf("fork: %w", errno)
		case child == 0:
			sleep()
		}
		pids = append(pids, strconv.Itoa(int(child)))
	}
	if _, err := fmt.Println(strings.Join(pids, " ")); err != nil {
		return err
	}
	sleep()
	return nil
}

// fork is fork(2), for a child that does nothing but system calls.
//
//go:nosplit
//go:norace
func fork() (uintptr, syscall.Errno) {
	child, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	return child, errno
}

//go:nosplit
//go:norace
func sleep() {
	for {
		long := syscall.Timespec{Sec: 3600}
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&long)), 0, 0)
	}
}
