package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
)

// What the keepers of a task had to leave of its groups goes with the next who
// waits for it, or with gc.
func TestVacated(t *testing.T) {
	root, bin := t.TempDir(), programs.Dir(t)
	dewar := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(filepath.Join(bin, "dewar"), append([]string{"--root", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("dewar %v: %v\n%s", args, err, out)
		}
	}
	dewar("simplerun", "--task-id", "one", "--", "true")
	g, found, err := sandbox.ReadGroups(task.Dir(filepath.Join(root, "one")))
	if err != nil || !found {
		t.Fatal(found, err)
	}
	if !g.Used() {
		t.Skip(needs.Prefix + "control groups: " + g.Why)
	}
	tree := cgroup.Open(g.Place)
	for _, verb := range [][]string{{"wait", "one"}, {"gc"}} {
		if err := tree.Make(); err != nil {
			t.Fatal(err)
		}
		dewar(verb...)
		for _, dir := range append([]string{g.Place.Unified}, g.Place.V1["memory"]) {
			if _, err := os.Lstat(dir); dir != "" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after dewar %v there is %s: %v", verb, dir, err)
			}
		}
	}
}
