package shim_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
)

// TestStartShimUnmarked: a shim that is started from inside a task is not of it.
func TestStartShimUnmarked(t *testing.T) {
	dir := newDir(t)
	program := filepath.Join(string(dir), "program")
	script := "#!/bin/sh\nenv > $1/env.new && mv $1/env.new $1/env\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	marks := []string{"DEWAR_TASK_ID", "DEWAR_PROCESS", "DEWAR_RUN", "NOTIFY_SOCKET"}
	for _, name := range append(marks, "DEWAR_RUNS") {
		t.Setenv(name, "1")
	}
	if err := client.StartShim(dir, program, "/bin/true"); err != nil {
		t.Fatal(err)
	}
	env := filepath.Join(string(dir), "env")
	until(t, "the program has said its environment", func() bool { return exists(env) })
	b, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	for _, name := range marks {
		if slices.Contains(lines, name+"=1") {
			t.Errorf("it has %s", name)
		}
	}
	for _, e := range shim.Tuned(nil) {
		if !slices.Contains(lines, e) {
			t.Errorf("it lacks %s, and would execute itself anew", e)
		}
	}
	if !slices.Contains(lines, "DEWAR_RUNS=1") {
		t.Errorf("it lacks what is no mark: %q", lines)
	}
}
