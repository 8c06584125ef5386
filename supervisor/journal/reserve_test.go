package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/test/needs"
)

// onSmallDisks runs f on small file systems of its own, 8 MB each, with
// journals in dir. f's goroutine is bound to a mount namespace, so everything
// is gone with it.
func onSmallDisks(t *testing.T, f func(t *testing.T, dir string)) {
	needs.Root(t)
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			runtime.LockOSThread() // and never unlocked: the thread ends with the test
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				t.Skipf("needs: a mount namespace of its own: %v", err)
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				t.Skipf("needs: a private mount namespace: %v", err)
			}
			dir := t.TempDir()
			mount(t, kind, dir)
			t.Cleanup(func() {
				if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			f(t, dir)
		})
	}
}

func mount(t *testing.T, kind, dir string) {
	if kind == "tmpfs" {
		if err := unix.Mount("none", dir, kind, 0, "size=8m"); err != nil {
			t.Skipf("needs: a tmpfs: %v", err)
		}
		return
	}
	image := filepath.Join(t.TempDir(), "image")
	for _, command := range [][]string{
		{"truncate", "-s", "8M", image},
		{"mkfs." + kind, "-q", "-m", "0", image},
		{"mount", "-o", "loop", image, dir},
	} {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err != nil {
			t.Skipf("needs: an %s of its own: %q: %v: %s", kind, command, err, out)
		}
	}
}

// fill takes all the room there is with a file at path, and returns what gives
// it back.
func fill(t *testing.T, path string) (free func()) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 1; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
		unix.Sync()
	}
}

// appendUntilFull appends in a space until that is full.
func appendUntilFull(t *testing.T, j *Journal, space Space, payload []byte) (n int) {
	t.Helper()
	for {
		size := j.Size()
		err := j.Append(space, payload)
		info, statErr := os.Stat(j.path)
		if statErr != nil || info.Size() != j.Size() {
			t.Fatalf("%d bytes, want %d: %v", info.Size(), j.Size(), statErr)
		}
		if errors.Is(err, ErrFull) && j.Size() == size {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
}

func TestFullDisk(t *testing.T) {
	const reserve = 100_000
	p := payloads(1)[0]
	onSmallDisks(t, func(t *testing.T, dir string) {
		path := filepath.Join(dir, "journal")
		j, _ := mustOpen(t, path, Options{Reserve: reserve, Sync: true})
		if j.Unreserved() != nil {
			t.Fatal(j.Unreserved())
		}
		mustAppend(t, j, p)
		free := fill(t, filepath.Join(dir, "filler"))
		count := 1 + appendUntilFull(t, j, Ordinary, p)
		if count > 2*ahead/len(p) {
			t.Errorf("%d appends on a full disk", count)
		}
		if room, err := j.Room(); room || err != nil {
			t.Errorf("room on a full disk: %v %v", room, err)
		}
		// Another brain opens the same journal on the full disk. It has
		// the reserve that the first one took.
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j, got := mustOpen(t, path, Options{Reserve: reserve, Sync: true})
		if len(got) != count {
			t.Fatalf("%d records, want %d", len(got), count)
		}
		appendUntilFull(t, j, Ordinary, make([]byte, 200_000))
		if err := j.Compact(bytes.Repeat([]byte("s"), 50_000)); !errors.Is(err, ErrFull) {
			t.Errorf("compacted on a full disk: %v", err)
		}
		k := appendUntilFull(t, j, Reserve, p)
		if k < reserve/(len(p)+FrameSize) {
			t.Errorf("only %d appends of %d bytes out of a reserve of %d", k, len(p), reserve)
		}
		count += k
		if k := appendUntilFull(t, j, Ordinary, p); k != 0 {
			t.Errorf("%d ordinary appends after the reserve was spent", k)
		}
		free()
		if room, err := j.Room(); !room || err != nil {
			t.Errorf("no room on a disk that has some again: %v %v", room, err)
		}
		mustAppend(t, j, p)
		if _, got = mustOpen(t, path, Options{Reserve: -1}); len(got) != count+1 {
			t.Errorf("%d records, want %d", len(got), count+1)
		}
		defer fill(t, filepath.Join(dir, "filler"))()
		if k := appendUntilFull(t, j, Reserve, p); k < reserve/(len(p)+FrameSize) {
			t.Errorf("only %d appends out of the new reserve", k)
		}
	})
}

// TestShortAppendIsTakenBack fills the disk under a journal without a reserve:
// the append that does not fit any more leaves nothing behind.
func TestShortAppendIsTakenBack(t *testing.T) {
	onSmallDisks(t, func(t *testing.T, dir string) {
		path := filepath.Join(dir, "journal")
		j, _ := mustOpen(t, path, Options{Reserve: -1})
		p := bytes.Repeat([]byte("p"), 3000)
		mustAppend(t, j, p)
		r := mustReader(t, path)
		free := fill(t, filepath.Join(dir, "filler"))
		if room, err := j.Room(); room || err != nil {
			t.Errorf("room on a full disk: %v %v", room, err)
		}
		batch := make([][]byte, 9)
		for i := range batch {
			batch[i] = p
		}
		if err := j.Append(Ordinary, batch...); !errors.Is(err, ErrFull) {
			t.Fatalf("appended to a full disk: %v", err)
		}
		count := 1 + appendUntilFull(t, j, Ordinary, p)
		if got, err := drain(r); len(got) != count || err != io.EOF {
			t.Errorf("a reader sees %d of %d records: %v", len(got), count, err)
		}
		free()
		if room, err := j.Room(); !room || err != nil {
			t.Errorf("no room: %v %v", room, err)
		}
		if err := j.Append(Ordinary, batch...); err != nil {
			t.Error(err)
		}
		if _, got := mustOpen(t, path, Options{}); len(got) != count+len(batch) {
			t.Errorf("%d records, want %d", len(got), count+len(batch))
		}
	})
}

// TestFullDiskAtEveryCompaction compacts with room for ever more of it, until
// it works. Either way the reserve is whole afterwards.
func TestFullDiskAtEveryCompaction(t *testing.T) {
	onSmallDisks(t, func(t *testing.T, dir string) {
		path, filler := filepath.Join(dir, "journal"), filepath.Join(dir, "filler")
		j, _ := mustOpen(t, path, Options{Reserve: 40_000})
		want := payloads(50)
		mustAppend(t, j, want...)
		snapshot := bytes.Repeat([]byte("s"), 20_000)
		done := false
		for n := 0; !done && n < 200; n++ {
			free := fill(t, filler)
			if err := os.Truncate(filler, size(t, filler)-int64(n)*4096); err != nil {
				t.Fatal(err)
			}
			unix.Sync()
			err := j.Compact(snapshot)
			if done = err == nil; done {
				want = [][]byte{snapshot}
			} else if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			if left, err := filepath.Glob(path + ".*"); len(left) != 0 || err != nil {
				t.Errorf("left behind: %q %v", left, err)
			}
			freeRest := fill(t, filepath.Join(dir, "rest"))
			last := bytes.Repeat([]byte{'a' + byte(n%26)}, 39_000)
			if err := j.Append(Reserve, last); err != nil {
				t.Fatalf("after a compaction with %d pages: %v", n, err)
			}
			want = append(want, last)
			free()
			freeRest()
			if room, err := j.Room(); !room || err != nil {
				t.Fatalf("no room: %v %v", room, err)
			}
			_, got := mustOpen(t, path, Options{})
			samePayloads(t, got, want)
		}
		if !done {
			t.Error("never compacted")
		}
	})
}

func size(t *testing.T, path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := mustOpen(t, path, Options{Reserve: 1 << 20})
	if j.Unreserved() != nil {
		t.Skipf("needs: fallocate: %v", j.Unreserved())
	}
	mustAppend(t, j, []byte("last"))
	if blocks(t, path) < 1<<20 {
		t.Errorf("a reserve of 1 MiB owns %d bytes", blocks(t, path))
	}
	if err := j.Release(); err != nil {
		t.Fatal(err)
	}
	if blocks(t, path) > 64<<10 {
		t.Errorf("a released journal owns %d bytes", blocks(t, path))
	}
	mustAppend(t, j, []byte("after all"))
	_, got := mustOpen(t, path, Options{})
	samePayloads(t, got, [][]byte{[]byte("last"), []byte("after all")})
}

func blocks(t *testing.T, path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
