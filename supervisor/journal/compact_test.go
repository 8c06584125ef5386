package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := mustOpen(t, path, Options{})
	want := payloads(100)
	mustAppend(t, j, want...)
	if err := j.Compact([]byte("snapshot"), want[99]); err != nil {
		t.Fatal(err)
	}
	if j.Records() != 2 || j.Size() != int64(len(written(t, [][]byte{[]byte("snapshot"), want[99]}))) {
		t.Errorf("%d records of %d bytes", j.Records(), j.Size())
	}
	mustAppend(t, j, want[0])
	if _, err := os.Lstat(j.newPath()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	_, got := mustOpen(t, path, Options{})
	samePayloads(t, got, [][]byte{[]byte("snapshot"), want[99], want[0]})
	if err := j.Compact([]byte("x"), nil); err == nil {
		t.Error("an empty payload was taken")
	}
}

// TestCompactionKilledBetweenItsSteps is left at every step, as by a crash, and
// finds the old journal or the new one, whole, and goes on with it.
func TestCompactionKilledBetweenItsSteps(t *testing.T) {
	want := payloads(10)
	var steps []string
	for kill := 0; ; kill++ {
		path := filepath.Join(t.TempDir(), "journal")
		j, _ := mustOpen(t, path, Options{})
		mustAppend(t, j, want...)
		steps = nil
		j.crash = func(step string) {
			if steps = append(steps, step); len(steps) == kill+1 {
				panic(step)
			}
		}
		died := dies(func() {
			if err := j.Compact([]byte("snapshot")); err != nil {
				t.Error(err)
			}
		})
		if !died {
			break
		}
		expect := want
		if steps[kill] == "renamed" {
			expect = [][]byte{[]byte("snapshot")}
		}
		r := mustReader(t, path)
		got, _ := drain(r)
		samePayloads(t, got, expect)
		again, got := mustOpen(t, path, Options{})
		samePayloads(t, got, expect)
		if _, err := os.Lstat(again.newPath()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("killed when %s: left behind: %v", steps[kill], err)
		}
		mustAppend(t, again, []byte("more"))
		if err := again.Compact([]byte("second")); err != nil {
			t.Errorf("killed when %s: %v", steps[kill], err)
		}
		_, got = mustOpen(t, path, Options{})
		samePayloads(t, got, [][]byte{[]byte("second")})
	}
	if !slices.Equal(steps, []string{"made", "written", "reserved", "synced", "renamed"}) {
		t.Errorf("the steps are %q", steps)
	}
}

func dies(f func()) (died bool) {
	defer func() { died = recover() != nil }()
	f()
	return false
}

func TestFailedCompactionChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	j, _ := mustOpen(t, path, Options{})
	want := payloads(3)
	mustAppend(t, j, want[:2]...)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j.crash = func(step string) {
		if step == "synced" { // the rename will find a directory in its way
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Error(err)
			}
		}
	}
	if err := j.Compact([]byte("snapshot")); err == nil {
		t.Error("renamed over a directory")
	}
	j.crash = nil
	if left, err := filepath.Glob(filepath.Join(dir, "journal.*")); len(left) != 0 || err != nil {
		t.Errorf("left behind: %q %v", left, err)
	}
	mustAppend(t, j, want[2])
	now := make([]byte, j.Size())
	if _, err := j.file.ReadAt(now, 0); err != nil || !bytes.Equal(now, append(before, written(t, want[2:])...)) {
		t.Errorf("the old file does not go on: %v", err)
	}
}
