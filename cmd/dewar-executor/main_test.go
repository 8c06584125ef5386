package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dewarhq/dewar/task"
)

func TestExitStatus(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"its version":         {[]string{"--version"}, exitDone},
		"nothing":             {nil, exitMisuse},
		"too much":            {[]string{"a", "b"}, exitMisuse},
		"an unknown flag":     {[]string{"--nosuch"}, exitMisuse},
		"no directory":        {[]string{"nosuch"}, exitMisuse},
		"a directory of none": {[]string{"empty"}, exitMisuse},
	} {
		if got := run(c.args); got != c.want {
			t.Errorf("%s: exit status %d, want %d", name, got, c.want)
		}
	}
}

func TestMostSnooze(t *testing.T) {
	for text, want := range map[string]task.Duration{"": 0, "72h": task.Duration(72 * time.Hour), "soon": 0, "-1h": 0} {
		if got := mostSnooze(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestShimBinary(t *testing.T) {
	own, libexec := t.TempDir(), t.TempDir()
	t.Setenv("DEWAR_LIBEXEC", "")
	write := func(dir string) string {
		t.Helper()
		path := filepath.Join(dir, "dewar-shim")
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if want := write(own); shimBinary(own) != want {
		t.Errorf("%s, want the one beside us, %s", shimBinary(own), want)
	}
	t.Setenv("DEWAR_LIBEXEC", libexec)
	if want := filepath.Join(libexec, "dewar-shim"); shimBinary(own) != want {
		t.Errorf("%s, want %s, so that it is said to be missing there", shimBinary(own), want)
	}
}
