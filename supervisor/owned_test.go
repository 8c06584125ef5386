package supervisor

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// refusesToRun insists that a brain which is called here starts nothing.
func refusesToRun(t *testing.T, dir task.Dir, says string) {
	t.Helper()
	err := Run(t.Context(), Config{Dir: dir, ShimBinary: "/nowhere/dewar-shim", BrainBinary: "/nowhere/dewar-executor"})
	if !errors.Is(err, ErrMisuse) || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want that it is misuse: %s", err, says)
	}
}

// Who owns a task's directory, or one of its files, could have anything run as
// the brain's user.
func TestNothingOfAnotherUserIsRun(t *testing.T) {
	needs.Root(t)
	for name, path := range map[string]func(task.Dir) string{
		"directory": func(d task.Dir) string { return string(d) },
		"task.json": task.Dir.TaskJSON,
		"journal":   task.Dir.Journal,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tasks(sh("web", `touch "$HOME/ran"`)))
			w.write(w.dir.Journal(), "")
			if err := os.Lchown(path(w.dir), 65534, 65534); err != nil {
				t.Fatal(err)
			}
			refusesToRun(t, w.dir, path(w.dir)+" belongs to uid 65534")
			if _, err := os.Lstat(w.dir.Lock()); name == "directory" && err == nil {
				t.Error("a lock was made in another's directory")
			}
		})
	}
}

// An ordinary user's brain works for nobody else either.
func TestNothingOfRootIsRun(t *testing.T) {
	needs.User(t)
	refusesToRun(t, "/", "/ belongs to uid 0")
}
