package launch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/test/needs"
)

// plant makes a directory in root that is an hour old and holds some files.
func plant(t *testing.T, root, name string, files ...string) {
	t.Helper()
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	age(t, dir)
}

func age(t *testing.T, path string) {
	t.Helper()
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
}

func TestHalfMade(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "dead+aaaaaa", "task.json", "lock", "journal", "shutdown+bcdefg")
	plant(t, root, "held+bbbbbb")
	plant(t, root, "whole")
	if err := os.Mkdir(filepath.Join(root, "young+cccccc"), 0o711); err != nil {
		t.Fatal(err)
	}
	release := holdElsewhere(t, filepath.Join(root, "held+bbbbbb", "lock"))
	defer release() // how it ends does not matter
	age(t, filepath.Join(root, "held+bbbbbb"))
	names, err := HalfMade(root, time.Now())
	if err != nil || strings.Join(names, " ") != "dead+aaaaaa" {
		t.Fatalf("half-made are %v (%v)", names, err)
	}
	if err := RemoveHalfMade(root, names[0]); err != nil {
		t.Error(err)
	}
	only(t, root, "held+bbbbbb", "whole", "young+cccccc")
}

// What is not Dewar's stays, however much its name resembles.
func TestHalfMadeIsDewars(t *testing.T) {
	for _, test := range []struct{ name, holds string }{
		{"lost+found", ""},      // five letters
		{"abcdef", ""},          // six, and no mark
		{"c++-projects", ""},    // a dash
		{"g++abcdef", ""},       // no task's id before the mark
		{"+abcdef", ""},         // no id at all
		{"-x+abcdef", ""},       // no id either
		{"big+ABCDEF", ""},      // capitals
		{"zero+abcde0", ""},     // a digit that is never drawn
		{"long+abcdefg", ""},    //
		{"photos+abcdef", "me"}, // somebody's
		{"wishes+abcdef", "shutdown+x"},
		{"notes+abcdef", "notes+bcdefg"}, // a half-written wish is called shutdown
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			files := []string{"task.json"}
			if test.holds != "" {
				files = append(files, test.holds)
			}
			plant(t, root, test.name, files...)
			keeps(t, root, test.name)
			entries, err := os.ReadDir(filepath.Join(root, test.name))
			if err != nil || len(entries) != len(files) {
				t.Errorf("it holds %v then (%v)", entries, err)
			}
		})
	}
}

// keeps fails if name is taken for something half made, or removed as such.
func keeps(t *testing.T, root, name string) {
	t.Helper()
	if names, err := HalfMade(root, time.Now()); err != nil || len(names) != 0 {
		t.Errorf("half-made are %v (%v)", names, err)
	}
	if err := RemoveHalfMade(root, name); err == nil {
		t.Errorf("%s was removed", name)
	}
	only(t, root, name)
}

// A link is not followed: what is behind it stays, and gets no lock.
func TestHalfMadeIsNoLink(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	plant(t, outside, "dead", "task.json")
	if err := os.Symlink(filepath.Join(outside, "dead"), filepath.Join(root, "dead+abcdef")); err != nil {
		t.Fatal(err)
	}
	keeps(t, root, "dead+abcdef")
	only(t, filepath.Join(outside, "dead"), "task.json")
}

// Somebody may have begun to work there since the list was made.
func TestHalfMadeAndHeldStays(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "dead+abcdef", "task.json")
	release := holdElsewhere(t, filepath.Join(root, "dead+abcdef", "lock"))
	defer release() // how it ends does not matter
	var held *shim.HeldError
	if err := RemoveHalfMade(root, "dead+abcdef"); !errors.As(err, &held) {
		t.Errorf("RemoveHalfMade says %v", err)
	}
	only(t, filepath.Join(root, "dead+abcdef"), "lock", "task.json")
}

func TestHalfMadeOfAnother(t *testing.T) {
	needs.Root(t)
	root := t.TempDir()
	plant(t, root, "dead+abcdef", "task.json")
	if err := os.Chown(filepath.Join(root, "dead+abcdef"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	keeps(t, root, "dead+abcdef")
}

func TestHalfNamesAreKnown(t *testing.T) {
	for range 1000 {
		if name := halfName("x"); checkHalfName(name) != nil {
			t.Fatal(checkHalfName(name))
		}
	}
}
