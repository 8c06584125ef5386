package launch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// The groups of a task go when it is over and nobody keeps it, and then only if
// it is ours. Empty ones, too, may be needed in a moment: who lives in them is
// not what this is about.
func TestVacateAsksWhetherTheTaskIsOver(t *testing.T) {
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	place, err := host.Place(t.Name())
	if errors.Is(err, cgroup.ErrNone) {
		t.Skip(needs.Prefix + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := task.Dir(filepath.Join(t.TempDir(), "t-1"))
	if err := os.Mkdir(string(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.TaskJSON(), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := (&sandbox.Groups{Place: place}).Write(dir); err != nil {
		t.Fatal(err)
	}
	tree := cgroup.Open(place)
	t.Cleanup(func() {
		if err := tree.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, at := range place.V1 {
		makeGroup(t, at)
	}
	if place.Unified != "" {
		makeGroup(t, place.Unified)
	}

	notOver := errors.New("it has not ended")
	if err := Vacate(t.Context(), dir, func(task.Dir) error { return notOver }); !errors.Is(err, notOver) || !tree.Process("web").Exists() {
		t.Errorf("a task that is not over: %v, and its groups exist: %v", err, tree.Process("web").Exists())
	}
	for _, lock := range []string{dir.Lock(), dir.ShimLock()} {
		release := holdElsewhere(t, lock)
		if err := Vacate(t.Context(), dir, ok); err != nil || !tree.Process("web").Exists() {
			t.Errorf("%s is held: %v, and the groups exist: %v", lock, err, tree.Process("web").Exists())
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		chown(t, dir, 65534)
		if err := Vacate(t.Context(), dir, ok); !errors.As(err, new(*ForeignError)) || !tree.Process("web").Exists() {
			t.Errorf("another user's task: %v, and the groups exist: %v", err, tree.Process("web").Exists())
		}
		chown(t, dir, 0)
	}
	if err := Vacate(t.Context(), dir, ok); err != nil || tree.Exists() {
		t.Errorf("a task that is over: %v, and its groups exist: %v", err, tree.Exists())
	}
	gone := func(task.Dir) error { return errors.New("asked for nothing") }
	if err := Vacate(t.Context(), dir, gone); err != nil {
		t.Errorf("a task without groups: %v", err)
	}
}

// makeGroup makes a task's group by hand, with a leaf.
func makeGroup(t *testing.T, at string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(at, "task", "p-web"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func chown(t *testing.T, dir task.Dir, uid int) {
	t.Helper()
	if err := os.Chown(string(dir), uid, -1); err != nil {
		t.Fatal(err)
	}
}

// Who has started a task, and stands in its ctl/, removes all that a brain has
// left, groups beside ctl/ included.
func TestVacateFromWithin(t *testing.T) {
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	if others, err := host.Strangers(os.Getpid()); host.Mode != cgroup.V2 || err != nil || len(others) > 0 {
		t.Skip(needs.Prefix + "a group of v2 of our own")
	}
	place, err := host.Place(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	dir := task.Dir(filepath.Join(t.TempDir(), "t-1"))
	if err := os.Mkdir(string(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.TaskJSON(), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := (&sandbox.Groups{Place: place}).Write(dir); err != nil {
		t.Fatal(err)
	}
	tree := cgroup.Open(place)
	if err := tree.Make(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	if err := tree.Process("web").Make(); err != nil {
		t.Fatal(err)
	}
	if err := Vacate(t.Context(), dir, ok); err != nil || tree.Exists() {
		t.Errorf("%v, and its groups exist: %v", err, tree.Exists())
	}
}
