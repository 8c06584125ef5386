//go:build linux && cgo

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
)

// runMain returns only when the run could not be started.
func runMain(dir string) int {
	logrus.SetOutput(io.Discard) // libcontainer's warnings; what matters is an error
	sentence := run(dir).Error()
	// Nobody is left to tell if this fails; the brain's sentence is there then.
	_ = os.WriteFile(filepath.Join(dir, container.UnstartedName), []byte(sentence), 0o640)
	return exitSystem
}

// run builds the walls, and becomes @hold. It answers why it could not.
func run(dir string) error {
	if errno := startError(); errno != 0 {
		return fmt.Errorf("make a mount namespace for the run: %w", errno)
	}
	w, err := container.Read(dir)
	if err != nil {
		return err
	}
	return fmt.Errorf("build the walls of %s: %w", w.Run, build(dir, w))
}

func build(dir string, w container.Walls) error {
	if err := checkCapabilities(capabilitiesOf(w)); err != nil {
		return err
	}
	if err := shutGroups(); err != nil {
		return err
	}
	s, err := newStage(dir, w)
	if err != nil {
		return err
	}
	if err := s.compose(); err != nil {
		return err
	}
	shared, err := share(w)
	if err != nil {
		return err
	}
	config, err := s.config(shared)
	if err != nil {
		return err
	}
	box, err := libcontainer.Create(filepath.Join(dir, container.StateName), boxID, config)
	if err != nil {
		return err
	}
	in, err := newInside(w, s.self)
	if err != nil {
		return err
	}
	mode := "exec"
	if w.Isolation.PID == "private" {
		mode = "init"
	}
	in.process.Init = true
	in.args(mode, w.Args)
	if err := in.start(box); err != nil {
		return err
	}
	if err := shared.join(in.pid); err != nil {
		return err
	}
	return in.hold(mode, dir, w.Args[0], limits(w))
}

// boxID is what libcontainer calls the run, whose directory it has for itself.
const boxID = "run"

// resources are the numbers of setrlimit(2), which are not the same everywhere,
// but are on all that we build for.
var resources = map[string]int{
	"cpu": unix.RLIMIT_CPU, "fsize": unix.RLIMIT_FSIZE, "data": unix.RLIMIT_DATA, "stack": unix.RLIMIT_STACK,
	"core": unix.RLIMIT_CORE, "rss": unix.RLIMIT_RSS, "nproc": unix.RLIMIT_NPROC, "nofile": unix.RLIMIT_NOFILE,
	"memlock": unix.RLIMIT_MEMLOCK, "as": unix.RLIMIT_AS, "locks": unix.RLIMIT_LOCKS, "sigpending": unix.RLIMIT_SIGPENDING,
	"msgqueue": unix.RLIMIT_MSGQUEUE, "nice": unix.RLIMIT_NICE, "rtprio": unix.RLIMIT_RTPRIO, "rttime": unix.RLIMIT_RTTIME,
}

// limits are the arguments of @hold about the command's limits.
func limits(w container.Walls) []string {
	var out []string
	for name, l := range w.Rlimits {
		who := "asked"
		for _, d := range w.Defaults {
			if d == name {
				who = "default"
			}
		}
		number := "none: " + name
		if r, ok := resources[name]; ok {
			number = strconv.Itoa(r)
		}
		out = append(out, strings.Join([]string{number, strconv.FormatUint(l.Soft, 10), strconv.FormatUint(l.Hard, 10), who}, ":"))
	}
	return out
}
