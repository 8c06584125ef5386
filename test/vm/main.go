package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// Exit statuses of our own, as of timeout(1) and env(1). Others are the command's.
const (
	statusTimeout = 124
	statusBroken  = 125
)

var errTimeout = errors.New("no end within the time allowed")

func main() {
	// what the host starts is killed when this thread ends: keep it
	runtime.LockOSThread()
	if os.Getpid() == 1 && os.Args[0] == initProgram {
		guest()
	}
	if len(os.Args) > 1 && os.Args[1] == asService {
		service()
	}
	if len(os.Args) > 1 && os.Args[1] == intoGroups {
		status, err := joinAndExec(os.Args[2:])
		fmt.Fprintf(os.Stderr, "vm: %v\n", err)
		os.Exit(status)
	}
	c, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	status := statusBroken
	if err == nil {
		status, err = c.run()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "vm: %v\n", err)
	}
	os.Exit(status)
}

// run boots a guest for c and answers vm's exit status.
func (c config) run() (int, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), c.Timeout, fmt.Errorf("%w (%v)", errTimeout, c.Timeout))
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	m, modules, j, err := c.prepare()
	if err != nil {
		return statusBroken, err
	}
	if c.Fetch {
		return 0, nil
	}
	start := time.Now()
	status, err := boot(ctx, m, func(w io.Writer) error { return writeInitramfs(w, modules, j) }, os.Stdout, os.Stderr)
	if c.Verbose {
		fmt.Fprintf(os.Stderr, "vm: %.1f s\n", time.Since(start).Seconds())
	}
	switch {
	case errors.Is(err, errTimeout):
		return statusTimeout, err
	case err != nil:
		return statusBroken, err
	}
	return status, nil
}
