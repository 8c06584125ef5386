package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// user of a test's sandbox: somebody else if we may, else ourselves.
func owner(t *testing.T) User {
	t.Helper()
	name := ""
	if os.Geteuid() == 0 {
		name = "daemon"
	}
	u, err := LookUp(name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func look(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		return "nothing"
	}
	return fmt.Sprintf("%v %d", info.Mode(), info.Sys().(*syscall.Stat_t).Uid)
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMake(t *testing.T) {
	for name, c := range map[string]struct {
		shared    bool
		mode, tmp string
	}{
		"one user":      {false, "drwx------", "drwx------"},
		"several users": {true, "drwx--x--x", "dtrwxrwxrwx"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, u := task.Dir(t.TempDir()), owner(t)
			for range 2 {
				if err := Make(dir, u, c.shared); err != nil {
					t.Fatal(err)
				}
			}
			for path, mode := range map[string]string{dir.Sandbox(): c.mode, dir.Sandbox() + "/.tmp": c.tmp, dir.Sandbox() + "/.logs": c.mode} {
				if got, want := look(t, path), fmt.Sprintf("%s %d", mode, u.UID); got != want {
					t.Errorf("%s is %s, want %s", path, got, want)
				}
			}
		})
	}
}

// A brain dies between any two steps of Make.
func TestMakeFinishesWhatWasBegun(t *testing.T) {
	dir, u := task.Dir(t.TempDir()), owner(t)
	if err := os.MkdirAll(dir.Sandbox()+"/.tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Make(dir, u, false); err != nil {
		t.Fatal(err)
	}
	if got, want := look(t, dir.Sandbox()+"/.logs"), fmt.Sprintf("drwx------ %d", u.UID); got != want {
		t.Errorf(".logs is %s, want %s", got, want)
	}
}

func TestMakeTouchesNothingInAUsersSandbox(t *testing.T) {
	needs.Root(t)
	dir, u := task.Dir(t.TempDir()), owner(t)
	if err := Make(dir, u, false); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "root's")
	write(t, outside)
	before := look(t, outside)
	if err := os.Remove(dir.Sandbox() + "/.tmp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, dir.Sandbox()+"/.tmp"); err != nil {
		t.Fatal(err)
	}
	if err := Make(dir, u, false); err != nil {
		t.Fatal(err)
	}
	if after := look(t, outside); after != before {
		t.Errorf("a link planted as .tmp made Make change %s from %s to %s", outside, before, after)
	}
}

func TestMakeWhereItCannot(t *testing.T) {
	dir := task.Dir(t.TempDir())
	write(t, dir.Sandbox())
	if err := Make(dir, owner(t), false); err == nil || err.Error() != "use "+dir.Sandbox()+" as sandbox: it is not a directory" {
		t.Error(err)
	}
}

func TestHasProfile(t *testing.T) {
	dir := task.Dir(t.TempDir())
	if HasProfile(dir) {
		t.Error("a profile without a sandbox")
	}
	write(t, dir.Sandbox()+"/real")
	if err := os.Symlink("real", dir.Sandbox()+"/"+Profile); err != nil {
		t.Fatal(err)
	}
	if HasProfile(dir) {
		t.Error("a link passed for a profile")
	}
	if err := os.Rename(dir.Sandbox()+"/real", dir.Sandbox()+"/"+Profile); err != nil {
		t.Fatal(err)
	}
	if !HasProfile(dir) {
		t.Error("a regular file did not pass for a profile")
	}
}
