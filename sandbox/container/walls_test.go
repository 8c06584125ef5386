package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/task"
)

func TestWallsComeBack(t *testing.T) {
	dir := t.TempDir()
	iso := task.DefaultIsolation()
	iso.Capabilities = []string{} // none, which is not the same as unsaid
	iso.Volumes = []task.Volume{{Source: "/a", Target: "/b", ReadOnly: true}}
	want := Walls{
		TaskDir: "/tasks/t", Run: "web/3", Args: []string{"sh", "-c", "true"}, Env: []string{"A=b"}, Cwd: "/tasks/t/sandbox",
		UID: 7, GID: 8, Groups: []int{9}, Umask: 0o027, NoNewPrivs: true,
		Rlimits: map[string]task.Rlimit{"core": {Soft: 0, Hard: task.Unlimited}}, Defaults: []string{"core"}, Isolation: iso,
	}
	if err := Write(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Isolation.Capabilities == nil {
		t.Error("no capabilities became the default ones")
	}
	for _, name := range []string{WallsName, UnstartedName} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestUnstarted(t *testing.T) {
	dir := t.TempDir()
	if s, is, err := Unstarted(dir); s != "" || is || err != nil {
		t.Errorf("of nothing: %q, %v, %v", s, is, err)
	}
	if err := Write(dir, Walls{Run: "web/3"}); err != nil {
		t.Fatal(err)
	}
	s, is, err := Unstarted(dir)
	if s != "build the walls of web/3: dewar-container ended before they stood" || !is || err != nil {
		t.Errorf("of one that never said a word: %q, %v, %v", s, is, err)
	}
	died := s + "\nruntime/cgo: pthread_create failed\nSIGABRT: abort\n"
	if err := os.WriteFile(filepath.Join(dir, UnstartedName), []byte(died), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := Unstarted(dir); got != s+" (runtime/cgo: pthread_create failed)" {
		t.Errorf("of one that died of its runtime: %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, UnstartedName), []byte(strings.Repeat("x", 3*mostSentence)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, _, _ := Unstarted(dir); len(s) != mostSentence {
		t.Errorf("%d bytes of a long one", len(s))
	}
}

func TestReadRefusesHalfOfIt(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"", "{", "{}", `{"args":["a"],"cwd":"x","task_dir":"/t","run":"r/1"}`, `{"args":["a"],"cwd":"/x","run":"r/1"}`} {
		if err := os.WriteFile(filepath.Join(dir, WallsName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if w, err := Read(dir); err == nil || !strings.HasPrefix(err.Error(), "read the walls") {
			t.Errorf("%q: %+v, %v", text, w, err)
		}
	}
}

func TestAvailable(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, Program)
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	err := Available(program)
	if os.Geteuid() != 0 {
		if err == nil || !strings.Contains(err.Error(), "only root can") {
			t.Errorf("as a user: %v", err)
		}
		return
	}
	if err != nil {
		t.Error(err)
	}
	if err := Available(filepath.Join(dir, "other")); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("a program that is not there: %v", err)
	}
	if err := Available(dir); err == nil || !strings.Contains(err.Error(), "is not a program") {
		t.Errorf("a directory: %v", err)
	}
}

func TestClearOfATaskWithoutWalls(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := Clear(dir); err != nil {
			t.Error(err)
		}
	}
	if ShmDir(dir) == ShmDir(dir+"x") || ShmDir(dir) != ShmDir(dir+"/") {
		t.Error("a task's shared memory is not told by its directory")
	}
}
