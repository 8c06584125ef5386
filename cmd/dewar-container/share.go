//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
)

// sharing are the namespaces that the runs of a task have in common. They live
// as long as any of these runs, without anybody who holds them: a run joins
// those of one that lives, or makes them. The file members in the task's
// directory lists who may be asked, a pid and its start time a line.
type sharing struct {
	namespaces configs.Namespaces
	made       map[configs.NamespaceType]bool // by us; otherwise joined
	lock       *os.File
	members    string
	held       []*os.File
}

// share decides about a run's namespaces. The lock on them is kept until join.
func share(w container.Walls) (*sharing, error) {
	s := &sharing{made: map[configs.NamespaceType]bool{}, members: filepath.Join(w.TaskDir, "members")}
	var kinds []configs.NamespaceType
	if w.Isolation.IPC == task.Private {
		kinds = append(kinds, configs.NEWIPC)
	}
	if w.Isolation.UTS == task.Private {
		kinds = append(kinds, configs.NEWUTS)
	}
	if w.Isolation.Network == task.NetworkNone {
		kinds = append(kinds, configs.NEWNET)
	}
	if len(kinds) == 0 {
		return s, nil
	}
	lock, err := os.OpenFile(s.members+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the task's namespaces: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock the task's namespaces: %w", err)
	}
	s.lock = lock
	list, err := s.read()
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if s.joinable(m, kinds) {
			return s, nil
		}
	}
	for _, kind := range kinds {
		s.made[kind] = true
		s.namespaces.Add(kind, "")
	}
	return s, nil
}

// member is a process of a run, by its pid and start time.
type member struct {
	pid   int
	start string
}

// read answers those members that live.
func (s *sharing) read() ([]member, error) {
	data, err := os.ReadFile(s.members)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read whose namespaces the task has: %w", err)
	}
	var list []member
	for line := range strings.Lines(string(data)) {
		first, start, _ := strings.Cut(strings.TrimSpace(line), " ")
		pid, err := strconv.Atoi(first)
		if err == nil && startOf(pid) == start {
			list = append(list, member{pid, start})
		}
	}
	return list, nil
}

// joinable opens a member's namespaces, which keeps them alive, and then looks
// whether it was still the member whose they are.
func (s *sharing) joinable(m member, kinds []configs.NamespaceType) bool {
	var namespaces configs.Namespaces
	var held []*os.File
	for _, kind := range kinds {
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", m.pid, configs.NsName(kind)))
		if err != nil {
			return false
		}
		held = append(held, f)
		namespaces.Add(kind, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()))
	}
	if startOf(m.pid) != m.start {
		return false
	}
	s.namespaces, s.held = namespaces, held
	return true
}

// join makes a run that is about to start a member, and lets go of the lock.
func (s *sharing) join(pid int) error {
	if s.lock == nil {
		return nil
	}
	defer s.lock.Close()
	for _, f := range s.held {
		f.Close()
	}
	list, err := s.read()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, m := range append(list, member{pid, startOf(pid)}) {
		fmt.Fprintln(&text, m.pid, m.start)
	}
	if err := os.WriteFile(s.members, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write whose namespaces the task has: %w", err)
	}
	return nil
}

// startOf is when a process was started, in clock ticks since boot, and the
// boot that is; "" if it is no more, or nothing but a zombie.
func startOf(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return f[19] + " " + strings.TrimSpace(string(boot))
}
