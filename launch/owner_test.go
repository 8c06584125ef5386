package launch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dewarhq/dewar/task"
)

// foreign is a task's directory that belongs to another user.
func foreign(t *testing.T) task.Dir {
	t.Helper()
	if os.Geteuid() != 0 {
		return "/etc" // root's; no task, but that is asked later
	}
	dir, err := Make(t.TempDir(), launchOf("theirs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(string(dir), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	return dir
}

// telltale is programs of which the shim makes a file when it is started.
func telltale(t *testing.T) (p Programs, ran string) {
	t.Helper()
	dir := t.TempDir()
	p, ran = Programs{Shim: filepath.Join(dir, "shim"), Brain: "/bin/true"}, filepath.Join(dir, "ran")
	if err := os.WriteFile(p.Shim, []byte("#!/bin/sh\n: >"+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return p, ran
}

func TestNobodyDrivesWhatIsAnothers(t *testing.T) {
	dir := foreign(t)
	p, ran := telltale(t)
	started, _, woken := Wake(t.Context(), dir, p)
	_, killed := Kill(context.Background(), dir, wish(0, 0), 20*time.Millisecond, func() error { return nil })
	for verb, err := range map[string]error{"Start": Start(dir, p), "Wake": woken, "Shutdown": Shutdown(dir, wish(0, 0)), "Kill": killed} {
		var no *ForeignError
		if !errors.As(err, &no) || no.Owner == os.Geteuid() || no.ID != filepath.Base(string(dir)) {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if started {
		t.Error("Wake says that it started a shim")
	}
	for _, path := range []string{ran, dir.Console(), dir.Shutdown()} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
	want := "task x belongs to user root: drive it as that user"
	if got := (&ForeignError{ID: "x"}).Error(); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func TestWhatWasNotLaunchedIsNotStarted(t *testing.T) {
	dir := task.Dir(t.TempDir())
	p, ran := telltale(t)
	started, _, woken := Wake(t.Context(), dir, p)
	for verb, err := range map[string]error{"Start": Start(dir, p), "Wake": woken, "Shutdown": Shutdown(dir, wish(0, 0))} {
		if no := (*NotTaskError)(nil); !errors.As(err, &no) || no.Dir != dir {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if started {
		t.Error("Wake says that it started a shim")
	}
	only(t, string(dir))
	if _, err := os.Lstat(ran); err == nil {
		t.Error("a shim was started")
	}
}

func TestALinkIsNoTask(t *testing.T) {
	dir, err := Make(t.TempDir(), launchOf("ours"))
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(string(dir), link); err != nil {
		t.Fatal(err)
	}
	if err := MayKeep(task.Dir(link)); err == nil || MayKeep(dir) != nil {
		t.Errorf("behind a link: %v; itself: %v", err, MayKeep(dir))
	}
}
