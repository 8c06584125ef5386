package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/task"
)

func TestWriteStopReason(t *testing.T) {
	dir, u := task.Dir(t.TempDir()), owner(t)
	if err := Make(dir, u, false); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir.Sandbox(), StopReason)
	for _, reason := range []string{"the task is killed: too old", "web is restarted"} {
		if err := WriteStopReason(dir, u, reason); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || string(text) != reason+"\n" {
			t.Errorf("%q, %v; want %q", text, err, reason)
		}
		if got, want := look(t, path), fmt.Sprintf("-rw-r--r-- %d", u.UID); got != want {
			t.Errorf("it is %s, want %s", got, want)
		}
	}
}

// Whatever the user puts where the file is to be, nothing else is written to.
func TestWriteStopReasonFollowsNothing(t *testing.T) {
	for name, plant := range map[string]func(path, victim string) error{
		"a link":                func(path, victim string) error { return os.Symlink(victim, path) },
		"a link under its name": func(path, victim string) error { return os.Symlink(victim, path+".new") },
		"a second name":         func(path, victim string) error { return os.Link(victim, path) },
		"a directory":           func(path, _ string) error { return os.MkdirAll(path+"/full", 0o755) },
		"a directory of next":   func(path, _ string) error { return os.MkdirAll(path+".new/full", 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, u := task.Dir(t.TempDir()), owner(t)
			if err := Make(dir, u, false); err != nil {
				t.Fatal(err)
			}
			victim, path := filepath.Join(string(dir), "victim"), filepath.Join(dir.Sandbox(), StopReason)
			write(t, victim)
			before := look(t, victim)
			if err := plant(path, victim); err != nil {
				t.Fatal(err)
			}
			err := WriteStopReason(dir, u, "enough")
			if (err != nil) != strings.HasPrefix(name, "a directory") {
				t.Errorf("WriteStopReason: %v", err)
			}
			text, readErr := os.ReadFile(victim)
			if readErr != nil || string(text) != "x" || look(t, victim) != before {
				t.Errorf("the victim is %q, %s; was x, %s (%v)", text, look(t, victim), before, readErr)
			}
			if got := look(t, path); err == nil && got != fmt.Sprintf("-rw-r--r-- %d", u.UID) {
				t.Errorf("the reason is %s", got)
			}
		})
	}
}
