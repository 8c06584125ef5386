//go:build linux && cgo

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mounted is a line of /proc/self/mountinfo, proc(5).
type mounted struct {
	root, point, kind, options, super string
}

func mounts() ([]mounted, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read what is mounted: %w", err)
	}
	var all []mounted
	for line := range strings.Lines(string(data)) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(g) < 3 {
			continue
		}
		all = append(all, mounted{root: unescape(f[3]), point: unescape(f[4]), options: f[5], kind: g[0], super: g[2]})
	}
	return all, nil
}

// unescape undoes the kernel's \040 for a blank, and the like.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// shutGroups makes all control groups read-only in our mount namespace. The
// command behind the walls can read them; and libcontainer, which is told that
// it is rootless there, leaves the run in the group that it was born in.
func shutGroups() error {
	all, err := mounts()
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.kind == "cgroup" || m.kind == "cgroup2" {
			if err := remountReadOnly(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// remountReadOnly changes one mount and nothing else about it.
func remountReadOnly(m mounted) error {
	names := map[string]uintptr{"nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
		"relatime": unix.MS_RELATIME, "noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME}
	flags := uintptr(unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY)
	for name := range strings.SplitSeq(m.options, ",") {
		flags |= names[name]
	}
	if err := unix.Mount("", m.point, "", flags, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", m.point, err)
	}
	return nil
}

// joinGroups puts us into every control group that a process is in.
func joinGroups(pid int) error {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return fmt.Errorf("read the groups of process %d: %w", pid, err)
	}
	all, err := mounts()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		if err := joinGroup(all, f[1], f[2]); err != nil {
			return err
		}
	}
	return nil
}

// joinGroup joins the group at path of the hierarchy with these controllers,
// none for the unified one. One that is not mounted cannot limit anybody.
func joinGroup(all []mounted, controllers, path string) error {
	for _, m := range all {
		unified := m.kind == "cgroup2" && controllers == ""
		if !unified && (m.kind != "cgroup" || controllers == "" || !sameControllers(controllers, m.super)) {
			continue
		}
		rel, err := filepath.Rel(m.root, path)
		if err != nil || strings.HasPrefix(rel, "..") {
			continue
		}
		file := filepath.Join(m.point, rel, "cgroup.procs")
		if err := os.WriteFile(file, []byte("0"), 0); err != nil {
			return fmt.Errorf("join the run's group: write 0 to %s: %w", file, err)
		}
		return nil
	}
	return nil
}

// sameControllers says whether all of a list are among a mount's options.
func sameControllers(list, options string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if !strings.Contains(","+options+",", ","+name+",") {
			return false
		}
	}
	return true
}
