//go:build linux && cgo

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
)

func capabilitiesOf(w container.Walls) []string {
	return w.Isolation.CapabilitiesOf(w.UID == 0)
}

// capabilitySets are exactly those asked for, in each set. A user who is not
// root keeps capabilities across an execve only if they are inheritable and
// ambient; root would hand inheritable ones on to whom it never meant
// (CVE-2022-24769).
func capabilitySets(w container.Walls) *configs.Capabilities {
	list := capabilitiesOf(w)
	sets := &configs.Capabilities{Bounding: list, Effective: list, Permitted: list}
	if w.UID != 0 {
		sets.Inheritable, sets.Ambient = list, list
	}
	return sets
}

// checkCapabilities says which capability cannot be given: libcontainer would
// leave it out and go on.
func checkCapabilities(list []string) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("read our own capabilities: %w", err)
	}
	bound, err := boundingSet(string(status))
	if err != nil {
		return err
	}
	for _, name := range list {
		if n := slices.Index(task.Capabilities, name); n < 0 || bound&(1<<n) == 0 {
			return fmt.Errorf("give the capability %s: we may not have it ourselves, or the kernel does not know it", name)
		}
	}
	return nil
}

// boundingSet reads /proc/<pid>/status.
func boundingSet(status string) (uint64, error) {
	for line := range strings.Lines(status) {
		if text, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			return strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		}
	}
	return 0, fmt.Errorf("read our own capabilities: /proc/self/status has no CapBnd")
}
