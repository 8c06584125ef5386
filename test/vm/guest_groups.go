package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	groupRoot = "/sys/fs/cgroup"
	ownGroup  = "vm" // the command's group, below the root of each hierarchy
)

// hierarchy is a v1 hierarchy, with the directory and the links that systemd
// gives it. Services has systemd put into groups of their own there; in the
// others everything is in the root.
type hierarchy struct {
	controllers string
	links       []string
	services    bool
}

var hierarchies = []hierarchy{
	{"cpu,cpuacct", []string{"cpu", "cpuacct"}, true},
	{"memory", nil, true},
	{"pids", nil, true},
	{"blkio", nil, true},
	{"devices", nil, true},
	{"freezer", nil, false},
	{"cpuset", nil, false},
}

// makeGroups mounts the hierarchies and answers the directories of the groups
// that the command starts in.
func makeGroups(j job) ([]string, error) {
	if j.Cgroup == "v2" {
		own, err := makeUnified(j)
		return []string{own}, err
	}
	if err := (mount{"tmpfs", groupRoot, "tmpfs", quiet, "mode=755"}).do(); err != nil {
		return nil, err
	}
	var own []string
	join := func(root string) error {
		dir := filepath.Join(root, ownGroup)
		own = append(own, dir)
		return os.Mkdir(dir, 0o755)
	}
	for _, h := range hierarchies {
		dir := filepath.Join(groupRoot, h.controllers)
		if err := (mount{"cgroup", dir, "cgroup", quiet, h.controllers}).do(); err != nil {
			return nil, err
		}
		for _, link := range h.links {
			if err := os.Symlink(h.controllers, filepath.Join(groupRoot, link)); err != nil {
				return nil, err
			}
		}
		if h.services {
			if err := join(dir); err != nil {
				return nil, err
			}
		}
	}
	named := []mount{{"cgroup", groupRoot + "/systemd", "cgroup", quiet, "none,name=systemd"}}
	if j.Cgroup == "hybrid" {
		named = append(named, mount{"cgroup2", groupRoot + "/unified", "cgroup2", quiet, "nsdelegate"})
	}
	for _, m := range named {
		if err := m.do(); err != nil {
			return nil, err
		}
		if err := join(m.where); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// makeUnified mounts v2 as systemd does, and makes the command's group, with
// every controller, for root or for the job's user.
func makeUnified(j job) (string, error) {
	if err := (mount{"cgroup2", groupRoot, "cgroup2", quiet, "nsdelegate,memory_recursiveprot"}).do(); err != nil {
		return "", err
	}
	return makeGroup(groupRoot, j)
}

// makeGroup makes the command's group below parent.
func makeGroup(parent string, j job) (string, error) {
	list, err := os.ReadFile(parent + "/cgroup.controllers")
	if err != nil {
		return "", err
	}
	for name := range strings.FieldsSeq(string(list)) {
		if err := os.WriteFile(parent+"/cgroup.subtree_control", []byte("+"+name), 0); err != nil {
			return "", fmt.Errorf("switch controller %s on: %w", name, err)
		}
	}
	dir := filepath.Join(parent, ownGroup)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if !j.Own {
		return dir, nil
	}
	// what is delegated with a group: Documentation/admin-guide/cgroup-v2.rst, "Delegation"
	for _, name := range []string{"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"} {
		if err := unix.Chown(filepath.Join(dir, name), j.UID, j.GID); err != nil {
			return "", fmt.Errorf("give %s to user %d: %w", filepath.Join(dir, name), j.UID, err)
		}
	}
	return dir, nil
}
