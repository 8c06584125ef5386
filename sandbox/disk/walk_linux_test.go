package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dewarhq/dewar/test/needs"
	"golang.org/x/sys/unix"
)

// count walks a directory without pausing.
func count(t *testing.T, dir string) Usage {
	t.Helper()
	w := walk{begun: time.Now()}
	if err := w.run(t.Context(), dir, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return w.usage()
}

func write(t *testing.T, path string, size int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// du is what du(1) says, which counts as we do.
func du(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	out, err := exec.Command(needs.Program(t, "du"), "-s", "--block-size=1", dir).Output()
	must(t, err)
	if _, err := fmt.Sscan(string(out), &bytes); err != nil {
		t.Fatalf("du said %q: %v", out, err)
	}
	return bytes
}

func TestMeasureCountsAsDu(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/.logs/web/0/stdout", 100_000)
	write(t, dir+"/a b/ä\n", 1)
	must(t, os.Link(dir+"/a b/ä\n", dir+"/linked"))
	must(t, os.Symlink("/usr", dir+"/trap"))
	must(t, os.Symlink(strings.Repeat("x/", 2000), dir+"/long"))
	must(t, unix.Mkfifo(dir+"/pipe", 0o600))
	must(t, os.WriteFile(dir+"/sparse", nil, 0o600))
	must(t, os.Truncate(dir+"/sparse", 1<<40))
	begun := time.Now()
	u, err := Measure(t.Context(), dir)
	must(t, err)
	if want := du(t, dir); u.Bytes != want {
		t.Errorf("it holds %d bytes, du says %d", u.Bytes, want)
	}
	if u.Files != 11 || u.Partial() || u.Mounts != 0 {
		t.Errorf("want 11 files and nothing left out: %+v", u)
	}
	if u.Begun.Before(begun) || u.Finished.Before(u.Begun) || u.CPU <= 0 {
		t.Errorf("its times are wrong: %+v", u)
	}
}

func TestOldKernelsCountAlike(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/x/y/z", 70_000)
	want := count(t, dir)
	noStatx.Store(true)
	defer noStatx.Store(false)
	if got := count(t, dir); got.Bytes != want.Bytes || got.Files != want.Files || got.Files != 4 {
		t.Errorf("without statx: %d bytes in %d files, with it %d in %d", got.Bytes, got.Files, want.Bytes, want.Files)
	}
}

func TestTheTopMayBeNoLink(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink("/usr", dir+"/sandbox"))
	if u, err := Measure(t.Context(), dir+"/sandbox"); err == nil || u.Files != 0 {
		t.Errorf("a link was followed: %+v, %v", u, err)
	}
	if _, err := Measure(t.Context(), dir+"/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
}

// deepen makes a chain of n directories, each with a file, far longer than
// PATH_MAX, and answers a function that removes it.
func deepen(t *testing.T, top string, n int) {
	t.Helper()
	fd, err := unix.Open(top, dirFlags, 0)
	must(t, err)
	name := strings.Repeat("d", 200)
	for range n {
		must(t, unix.Mkdirat(fd, name, 0o755))
		f, err := unix.Openat(fd, "f", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
		must(t, err)
		must(t, unix.Close(f))
		next, err := unix.Openat(fd, name, dirFlags, 0)
		must(t, err)
		must(t, unix.Close(fd))
		fd = next
	}
	must(t, unix.Close(fd))
}

// openFiles is how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(names)
}

func TestDeepNesting(t *testing.T) {
	dir := t.TempDir()
	const deep = 500 // 100,000 bytes of path
	deepen(t, dir, deep)
	write(t, dir+"/zz/after", 1)
	u, most, held := countHeld(t, dir)
	if u.Files != 2*deep+3 || u.Partial() {
		t.Errorf("%d levels with a file in each: %+v", deep, u)
	}
	if most > 32 || held != 0 {
		t.Errorf("%d descriptors more were open in the walk, %d after it", most, held)
	}
}

// countHeld walks a directory step by step, and says how many descriptors were
// open at most, and are now, that were not before.
func countHeld(t *testing.T, dir string) (u Usage, most, held int) {
	t.Helper()
	before := openFiles(t)
	tr, f, err := openTree(dir)
	must(t, err)
	var w walk
	for w.take(f) {
		if f = tr.step(); f.what == folder {
			most = max(most, openFiles(t)-before)
		}
	}
	tr.close()
	return w.usage(), most, openFiles(t) - before
}

// Wide and deep: what is evicted on the way down is read on where it was.
func TestEvictedDirectoriesAreReadOn(t *testing.T) {
	dir := t.TempDir()
	path, files := dir, int64(1)
	for i := range maxOpen * 3 {
		for k := range 5 {
			must(t, os.MkdirAll(fmt.Sprintf("%s/side%d/%d", path, k, i), 0o755))
			files += 2
		}
		path += "/m"
		must(t, os.Mkdir(path, 0o755))
		files++
	}
	if u := count(t, dir); u.Files != files || u.Partial() {
		t.Errorf("want %d files: %+v", files, u)
	}
}

func TestLosesItsWayBack(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(dir+"/out", 0o755))
	top := dir + "/top"
	must(t, os.Mkdir(top, 0o755))
	deepen(t, top, maxOpen*2)
	tr, _, err := openTree(top)
	must(t, err)
	defer tr.close()
	for len(tr.levels) < maxOpen*2 {
		if f := tr.step(); f.what == end {
			t.Fatal("it ended on its way down")
		}
	}
	// The directory by which it would go back into a closed one is moved away.
	name := strings.Repeat("d", 200)
	fd, err := unix.Open(top, dirFlags, 0)
	must(t, err)
	defer unix.Close(fd)
	closed := len(tr.levels) - maxOpen
	from, err := unix.Dup(fd)
	must(t, err)
	for range closed {
		next, err := unix.Openat(from, name, dirFlags, 0)
		must(t, err)
		must(t, unix.Close(from))
		from = next
	}
	must(t, unix.Renameat(from, name, unix.AT_FDCWD, dir+"/out/moved"))
	must(t, unix.Close(from))
	lost := 0
	for {
		f := tr.step()
		if f.what == end {
			break
		}
		if f.what == missed {
			lost++
			if !errors.Is(f.err, errMoved) {
				t.Error(f.err)
			}
		}
	}
	if lost != 1 {
		t.Errorf("it said %d times that it lost its way, want once", lost)
	}
}

func TestCancelledInMidWalk(t *testing.T) {
	dir := t.TempDir()
	const files = 10_000
	crowd(t, dir, files)
	before := openFiles(t)
	synctest.Test(t, func(t *testing.T) { // in which only sleeps take time
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("the task is over")
		time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
		begun := time.Now()
		u, err := Measure(ctx, dir)
		if !errors.Is(err, why) || !u.Finished.IsZero() || u.Files == 0 || u.Files > files {
			t.Errorf("interrupted: %+v, %v", u, err)
		}
		if took := time.Since(begun); took != 100*time.Millisecond {
			t.Errorf("it was cancelled after 100 ms, and ended after %v", took)
		}
		if u, err := Measure(ctx, dir); !errors.Is(err, why) || u.Files != 0 {
			t.Errorf("begun after its end: %+v, %v", u, err)
		}
	})
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestUnreadableDirectoriesAreSaid(t *testing.T) {
	needs.User(t)
	dir := t.TempDir()
	write(t, dir+"/closed/big", 1<<20)
	write(t, dir+"/listed/big", 1<<20)
	must(t, os.Chmod(dir+"/closed", 0))
	must(t, os.Chmod(dir+"/listed", 0o400))
	defer os.Chmod(dir+"/closed", 0o700)
	defer os.Chmod(dir+"/listed", 0o700)
	u := count(t, dir)
	if u.Unread != 2 || !u.Partial() || u.Files != 3 || !strings.Contains(u.Why, "permission denied") {
		t.Errorf("one directory that cannot be opened, one that cannot be searched: %+v", u)
	}
}
