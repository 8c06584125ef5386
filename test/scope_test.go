package test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// TestSystemdLogin starts two tasks of one name as a person does, from a group
// that holds a shell, too: each has a scope of its own from systemd, with its
// limits in force, and nobody else is moved. What was in a scope is gone with its
// task.
func TestSystemdLogin(t *testing.T) {
	needs.Systemd(t)
	h := newHome(t)
	file := filepath.Join(t.TempDir(), "task.json")
	write(t, file, `{"name": "twin", "resources": {"ram": "64MB", "pids": 50}, "processes": [{"name": "p", "cmdline": "exec sleep 1000"}]}`)
	own := read(t, "/proc/self/cgroup")
	scopes := map[string]bool{}
	for _, id := range []string{"twin-1", "twin-2"} {
		h.dewar(0, "run", "--detach", "--isolation=cgroup", "--task-id", id, file)
		dir := groupsOf(t, task.Dir(filepath.Join(h.root, id)))
		if parent := filepath.Base(filepath.Dir(dir)); !strings.HasSuffix(parent, ".scope") || scopes[parent] {
			t.Errorf("the groups of %s are %s: in no scope of its own", id, dir)
		} else {
			scopes[parent] = true
		}
		pid := h.mainPid(id)
		if at := read(t, "/proc/"+strconv.Itoa(pid)+"/cgroup"); !strings.HasSuffix(dir+"/task/p-p", strings.TrimPrefix(strings.TrimSpace(at), "0::")) {
			t.Errorf("process %d is in %s, not below %s", pid, at, dir)
		}
		for name, want := range map[string]string{"memory.max": "67108864", "pids.max": "50"} {
			if got := strings.TrimSpace(read(t, filepath.Join(dir, "task", name))); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	}
	if now := read(t, "/proc/self/cgroup"); now != own {
		t.Errorf("who has started the tasks is in %s, and was in %s", now, own)
	}
	for _, id := range []string{"twin-1", "twin-2"} {
		dir := groupsOf(t, task.Dir(filepath.Join(h.root, id)))
		h.dewar(0, "kill", "--now", id)
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			_, err := os.Lstat(filepath.Dir(dir))
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the scope of %s is there: %v", id, err)
			}
		}
	}
}

// groupsOf is the directory of a task's groups, once its brain has written it.
func groupsOf(t *testing.T, dir task.Dir) string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		g, found, err := sandbox.ReadGroups(dir)
		if err != nil {
			t.Fatal(err)
		}
		if found && g.Used() {
			return g.Place.Unified
		}
		if time.Now().After(end) {
			t.Fatalf("%s has no groups: %+v", dir, g)
		}
	}
}

// mainPid is the pid of the task's one process, as soon as it runs.
func (h *home) mainPid(id string) int {
	h.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var seen struct {
			Status struct {
				Processes []struct {
					State   string
					History []struct{ Pid int }
				}
			}
		}
		out := h.dewar(0, "inspect", "--json", id)
		if err := json.Unmarshal([]byte(out), &seen); err != nil {
			h.t.Fatalf("%v: %s", err, out)
		}
		if p := seen.Status.Processes; len(p) == 1 && p[0].State == "RUNNING" {
			return p[0].History[len(p[0].History)-1].Pid
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s does not run: %s", id, out)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSystemdScopeGone kills all that lives in a task's scope, which systemd then
// removes: the task can be brought back all the same, into another.
func TestSystemdScopeGone(t *testing.T) {
	needs.Systemd(t)
	h := newHome(t)
	file := filepath.Join(t.TempDir(), "task.json")
	write(t, file, `{"processes": [{"name": "p", "cmdline": "exec sleep 1000", "min_duration": "10ms"}]}`)
	h.dewar(0, "run", "--detach", "--isolation=cgroup", "--task-id", "gone", file)
	dir := task.Dir(filepath.Join(h.root, "gone"))
	first := h.mainPid("gone")
	was := filepath.Dir(groupsOf(t, dir))
	write(t, filepath.Join(was, "cgroup.kill"), "1")
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Lstat(was); errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("systemd keeps %s", was)
		}
	}
	h.dewar(0, "resume", "gone")
	if again := h.mainPid("gone"); again == first {
		t.Errorf("process %d runs, which was killed", again)
	}
	if now := filepath.Dir(groupsOf(t, dir)); now == was || !strings.HasSuffix(now, ".scope") {
		t.Errorf("it was in %s, and is now in %s", was, now)
	}
	h.dewar(0, "kill", "--now", "gone")
}

// TestSystemdScopesGone brings several tasks back at once, by one command, whose
// scopes systemd has removed: each gets groups again, and none fails.
func TestSystemdScopesGone(t *testing.T) {
	needs.Systemd(t)
	h := newHome(t)
	file := filepath.Join(t.TempDir(), "task.json")
	write(t, file, `{"processes": [{"name": "p", "cmdline": "exec sleep 1000", "min_duration": "10ms"}]}`)
	ids := []string{"gone-1", "gone-2", "gone-3", "gone-4"}
	for _, id := range ids {
		h.dewar(0, "run", "--detach", "--isolation=cgroup", "--task-id", id, file)
		h.mainPid(id)
	}
	for _, id := range ids {
		was := filepath.Dir(groupsOf(t, task.Dir(filepath.Join(h.root, id))))
		write(t, filepath.Join(was, "cgroup.kill"), "1")
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if _, err := os.Lstat(was); errors.Is(err, fs.ErrNotExist) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("systemd keeps %s", was)
			}
		}
	}
	h.dewar(0, "resume", ids...)
	scopes := map[string]bool{}
	for _, id := range ids {
		h.mainPid(id)
		now := filepath.Dir(groupsOf(t, task.Dir(filepath.Join(h.root, id))))
		if !strings.HasSuffix(now, ".scope") || scopes[now] {
			t.Errorf("%s is in %s, which is no scope of its own", id, now)
		}
		scopes[now] = true
	}
	h.dewar(0, "kill", append([]string{"--now"}, ids...)...)
}
