package shim_test

import (
	"os"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
)

// TestConsoleIsBounded: the full console is put aside, and no byte is lost.
func TestConsoleIsBounded(t *testing.T) {
	r := start(t)
	const limit, most = 16 << 20, 18 << 20
	for i := range 2 {
		id := run("p", i)
		if err := r.try(id, "head -c 20971520 /dev/zero; echo the last words >&2", dest("console")); err != nil {
			t.Fatal(err)
		}
		if s := r.ended(id); s.Exit != 0 || s.Dropped != 0 {
			t.Fatalf("status %+v", s)
		}
	}
	now, err := os.ReadFile(r.dir.Console())
	if err != nil {
		t.Fatal(err)
	}
	aside, err := os.Stat(r.dir.Console() + ".1")
	if err != nil {
		t.Fatal(err)
	}
	if aside.Size() <= limit || aside.Size() > most || len(now) > most {
		t.Errorf("%d bytes, and %d aside", len(now), aside.Size())
	}
	if !strings.HasSuffix(string(now), "the last words\n") {
		t.Error("the new one lacks what was said last")
	}
	if info, err := os.Stat(r.dir.Console()); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestForeignConsoleIsLeftAlone: stdout is a file, but not the task's.
func TestForeignConsoleIsLeftAlone(t *testing.T) {
	dir := newDir(t)
	f, err := os.OpenFile(string(dir)+"/elsewhere", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	r := startIn(t, dir, withStdout(f))
	f.Close()
	const size = 20 << 20
	id := r.spawn("p", "head -c 20971520 /dev/zero", func(s *shim.Spec) { s.Dest = "console" })
	if s := r.ended(id); s.Exit != 0 {
		t.Fatalf("status %+v", s)
	}
	if info, err := os.Stat(string(dir) + "/elsewhere"); err != nil || info.Size() != size {
		t.Errorf("%v, %v", info, err)
	}
	if exists(dir.Console() + ".1") {
		t.Error("the task's console was put aside")
	}
}
