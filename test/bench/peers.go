package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// peer is another supervisor, as found on this machine.
type peer struct {
	name     string
	programs []string // names of its own processes, as /proc/<pid>/comm has them
	stop     syscall.Signal

	// prepare writes what makes it supervise one service per script into dir,
	// and answers the command line.
	prepare func(dir string, scripts []string) ([]string, error)
	needs   string // the program that shows whether it is installed
}

var allPeers = []peer{
	{"s6", []string{"s6-svscan", "s6-supervise"}, unix.SIGTERM, prepareServices("s6-svscan"), "s6-svscan"},
	{"runit", []string{"runsvdir", "runsv"}, unix.SIGHUP, prepareServices("runsvdir"), "runsvdir"},
	{"supervisord", []string{"supervisord"}, unix.SIGTERM, prepareSupervisord, "supervisord"},
}

// peers are those that are installed.
func peers() []peer {
	var found []peer
	for _, p := range allPeers {
		if _, err := exec.LookPath(p.needs); err == nil {
			found = append(found, p)
		}
	}
	return found
}

func prepareServices(program string) func(string, []string) ([]string, error) {
	return func(dir string, scripts []string) ([]string, error) {
		for i, script := range scripts {
			service := filepath.Join(dir, fmt.Sprintf("p%d", i))
			if err := os.Mkdir(service, 0o755); err != nil {
				return nil, err
			}
			if err := os.WriteFile(filepath.Join(service, "run"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
				return nil, err
			}
		}
		return []string{program, dir}, nil
	}
}

func prepareSupervisord(dir string, scripts []string) ([]string, error) {
	var conf strings.Builder
	fmt.Fprintf(&conf, "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%s/pid\nchildlogdir=%s\n", dir, dir)
	for i, script := range scripts {
		fmt.Fprintf(&conf, "[program:p%d]\ncommand=/bin/sh -c \"%s\"\nstartsecs=0\nautorestart=false\n", i, script)
	}
	file := filepath.Join(dir, "conf")
	return []string{"supervisord", "-c", file}, os.WriteFile(file, []byte(conf.String()), 0o644)
}

// startOne is the peer's way to start one payload that stamps file.
func (p peer) startOne(b *bench, file string) (stop func() error, err error) {
	return p.supervise(b, []string{"exec " + b.self + " stamp " + file})
}

// supervise starts the peer. stop ends it and all that it had started.
func (p peer) supervise(b *bench, scripts []string) (stop func() error, err error) {
	dir, err := b.dir()
	if err != nil {
		return nil, err
	}
	argv, err := p.prepare(dir, scripts)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), b.mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		if err := cmd.Process.Signal(p.stop); err != nil {
			return err
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) { // how it ends is its own affair
			return err
		}
		return b.sweep()
	}, nil
}

// sweep kills what a peer has left of what we had it start, until it is gone.
func (b *bench) sweep() error {
	return await("everything of a peer is gone", 10*time.Second, func() bool {
		left := b.marked(nil)
		for _, pid := range left {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
				return false
			}
		}
		return len(left) == 0
	})
}
