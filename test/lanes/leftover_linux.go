package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// leftover are the pids of programs from bin that still run a moment after the
// tests have ended: shims and brains that a test forgot, and with them the
// tasks that they keep. They are killed, so that the next lane begins clean.
func leftover(bin string) []string {
	var found []string
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if found = running(bin); len(found) == 0 || time.Now().After(deadline) {
			break
		}
	}
	for _, pid := range found {
		n, err := strconv.Atoi(pid)
		if err == nil {
			err = unix.Kill(n, unix.SIGKILL)
		}
		if err != nil && err != unix.ESRCH {
			fmt.Fprintf(os.Stderr, "kill process %s, which a test left behind: %v\n", pid, err)
		}
	}
	return found
}

// running are the processes whose program lies below bin.
func running(bin string) []string {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		panic(err) // the pattern is fixed
	}
	var found []string
	for _, link := range links {
		program, err := os.Readlink(link)
		if err == nil && strings.HasPrefix(program, bin+"/") {
			found = append(found, filepath.Base(filepath.Dir(link)))
		}
	}
	return found
}
