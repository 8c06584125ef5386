package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/needs"
	"golang.org/x/sys/unix"
)

// prepared is where a machine that is made for tests has file systems with
// project quotas: test/vm.
const prepared = "/vm/"

// withQuotas answers a directory on a file system of the given type with
// project quotas.
func withQuotas(t *testing.T, kind string) string {
	t.Helper()
	needs.Root(t)
	top := prepared + kind
	if w, err := Look(top); err != nil || !w.Project || w.Mount != top {
		top = mountNew(t, kind, "prjquota")
	}
	dir, err := os.MkdirTemp(top, "disk-test-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// mountNew makes a file system and mounts it for as long as t runs.
func mountNew(t *testing.T, kind, options string) string {
	t.Helper()
	image, top := filepath.Join(t.TempDir(), "image"), t.TempDir()
	must(t, os.Chmod(filepath.Dir(top), 0o711)) // for nobody
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 320<<20)) // xfs wants 300 MB
	mkfs := exec.Command(needs.Program(t, "mkfs."+kind), "-q", image)
	if kind == "ext4" && options == "prjquota" {
		mkfs.Args = append(mkfs.Args, "-O", "quota,project", "-E", "quotatype=prjquota")
	}
	if out, err := mkfs.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", mkfs, err, out)
	}
	mount := exec.Command(needs.Program(t, "mount"), "-t", kind, "-o", "loop,"+options, image, top)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Logf("%v: %s", mount, out)
		t.Skipf("%sa kernel that mounts %s from a file with %s", needs.Prefix, kind, options)
	}
	t.Cleanup(func() { must(t, unix.Unmount(top, 0)) })
	if w, err := Look(top); err == nil && !w.Project && options == "prjquota" {
		t.Skipf("%sa kernel with project quotas on %s", needs.Prefix, kind)
	}
	return top
}

func eachKind(t *testing.T, test func(t *testing.T, kind, dir string)) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) { test(t, kind, withQuotas(t, kind)) })
	}
}

func choose(t *testing.T, dir, task string) Quota {
	t.Helper()
	q, err := Choose(dir, task)
	must(t, err)
	t.Cleanup(func() { must(t, Release(q)) })
	return q
}

const nobody = 65534

// sandboxAt makes what sandbox.Make makes.
func sandboxAt(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range []string{"", "/.tmp", "/.logs"} {
		must(t, os.Mkdir(dir+"/sandbox"+name, 0o700))
	}
	for _, name := range []string{"/.tmp", "/.logs", ""} {
		must(t, os.Chown(dir+"/sandbox"+name, nobody, nobody))
	}
	return dir + "/sandbox"
}

// fill writes into a file until that fails, and answers how much went in.
func fill(t *testing.T, path string, most int64) (int64, error) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	block := make([]byte, 4096)
	for n := int64(0); n < most; n += 4096 {
		if _, err := f.Write(block); err != nil {
			return n, err
		}
	}
	return most, f.Sync()
}

// asUser runs do on a thread with nobody's file system identity, and without
// root's capabilities.
func asUser(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock it: the thread ends with the goroutine
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			t.Errorf("become nobody: %v", errno)
			return
		}
		do()
	}()
	<-done
}

// refusal is how a write ends that the quota refuses.
var refusal = map[string]error{"ext4": unix.EDQUOT, "xfs": unix.ENOSPC}

func TestWritesBeyondTheLimitFail(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, dir string) {
		sandbox := sandboxAt(t, dir)
		q := choose(t, dir, "web")
		const limit = 1 << 20
		must(t, Limit(t.Context(), sandbox, q, limit))
		before, e := q.Usage()
		must(t, e)
		if before.Files != 3 {
			t.Errorf("three directories are limited: %+v", before)
		}
		var wrote int64
		var err error
		asUser(t, func() { wrote, err = fill(t, sandbox+"/.logs/big", 4<<20) })
		if !errors.Is(err, refusal[kind]) {
			t.Errorf("writing beyond the limit ended with %v", err)
		}
		after, e := q.Usage()
		must(t, e)
		t.Logf("%s: %v after %d bytes, %d of %d in use", kind, err, wrote, after.Bytes, limit)
		if after.Bytes > limit || after.Bytes <= limit-2*4096 {
			t.Errorf("%d bytes are in use, want %d within a block", after.Bytes, limit)
		}
		walked := count(t, sandbox)
		if walked.Bytes > limit || walked.Bytes < wrote {
			t.Errorf("a walk finds %d bytes, the quota %d", walked.Bytes, after.Bytes)
		}
		must(t, q.Resize(2*limit))
		asUser(t, func() { wrote, err = fill(t, sandbox+"/.logs/more", limit/2) })
		must(t, err)
		must(t, q.Resize(limit))
		asUser(t, func() { _, err = fill(t, sandbox+"/.logs/yet more", limit) })
		if !errors.Is(err, refusal[kind]) {
			t.Errorf("writing with a limit below use ended with %v", err)
		}
	})
}

// Whom it does not stop is what doc.go says.
func TestWhoIsNotStopped(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, dir string) {
		w, err := Look(dir)
		must(t, err)
		sandbox := sandboxAt(t, dir)
		q := choose(t, dir, "root")
		must(t, Limit(t.Context(), sandbox, q, 1<<20))
		_, err = fill(t, sandbox+"/roots", 4<<20)
		if stopped := errors.Is(err, refusal[kind]); stopped == w.Bypass {
			t.Errorf("root is stopped: %v (%v), Look says that it is not: %v", stopped, err, w.Bypass)
		}
		u, err := q.Usage()
		must(t, err)
		if !u.Over(1<<20) == w.Bypass {
			t.Errorf("what root wrote is not counted: %+v", u)
		}
		must(t, os.Remove(sandbox+"/roots"))
		asUser(t, func() {
			var f *os.File
			if f, err = os.Create(sandbox + "/evader"); err != nil {
				return
			}
			defer f.Close()
			if err = assignOpen(int(f.Fd()), regular, 0); err != nil {
				return
			}
			_, err = fill(t, sandbox+"/evader", 4<<20)
		})
		if err != nil {
			t.Errorf("an owner can no longer take a file out of its project, so doc.go may say more: %v", err)
		}
		if u := count(t, sandbox); !u.Over(1 << 20) {
			t.Errorf("a walk sees the evader: %+v", u)
		}
	})
}

func TestLimitTakesInWhatIsThere(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, dir string) {
		sandbox := sandboxAt(t, dir)
		write(t, dir+"/outside", 50_000)
		write(t, sandbox+"/a/b/c", 100_000)
		write(t, sandbox+"/linked", 10_000)
		must(t, os.Link(dir+"/outside", sandbox+"/planted"))
		must(t, os.Symlink(dir+"/outside", sandbox+"/link"))
		must(t, os.Symlink("/", sandbox+"/trap"))
		must(t, unix.Mkfifo(sandbox+"/pipe", 0o600)) // which would block who opens it
		q := choose(t, dir, "takeover")
		for range 2 {
			must(t, Limit(t.Context(), sandbox, q, 1<<20))
		}
		u, err := q.Usage()
		must(t, err)
		if u.Files != 7 || u.Bytes < 110_000 || u.Bytes > 140_000 {
			t.Errorf("5 directories and 2 files are ours: %+v", u)
		}
		if again, err := Choose(dir, "takeover"); err != nil || again.ID != q.ID+1 {
			t.Errorf("project %d is in use, another task gets %+v, %v", q.ID, again, err)
		}
		must(t, Release(q))
		if again, err := Choose(dir, "takeover"); err != nil || again.ID != q.ID+1 {
			t.Errorf("project %d still holds something, another task gets %+v, %v", q.ID, again, err)
		}
		asUser(t, func() { _, err = fill(t, sandbox+"/big", 2<<20) })
		must(t, err)
	})
}

// What a Limit that was interrupted has not come to is taken in by the next one.
// After one that was not, nothing is looked at any more.
func TestLimitIsTakenUp(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, dir string) {
		sandbox := sandboxAt(t, dir)
		const files = 2000
		crowd(t, sandbox, files)
		q := choose(t, dir, "interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("killed")
		cancel(why)
		if err := Limit(ctx, sandbox, q, 1<<20); !errors.Is(err, why) {
			t.Errorf("interrupted: %v", err)
		}
		held := func() int64 {
			u, err := q.Usage()
			must(t, err)
			return u.Files
		}
		if held() != 0 {
			t.Errorf("%d files were taken in, and nobody would look for the others", held())
		}
		begun := time.Now()
		must(t, Limit(t.Context(), sandbox, q, 1<<20))
		all := time.Since(begun)
		if held() != files+3 {
			t.Errorf("%d files were taken in, want %d", held(), files+3)
		}
		begun = time.Now()
		must(t, Limit(t.Context(), sandbox, q, 2<<20))
		t.Logf("%v for %d files, and %v once more", all, files, time.Since(begun))
		if again := time.Since(begun); again > all/2 {
			t.Errorf("all were looked at once more")
		}
	})
}

func TestReleaseOfWhatIsGone(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, dir string) {
		sandbox := sandboxAt(t, dir)
		q := choose(t, dir, "gone")
		must(t, Limit(t.Context(), sandbox, q, 1<<20))
		must(t, os.RemoveAll(sandbox))
		for range 2 {
			must(t, Release(q))
		}
		// xfs frees what was removed in the background.
		for late := time.Now().Add(20 * time.Second); ; {
			again, err := Choose(dir, "gone")
			if err == nil && again == q {
				return
			}
			if err != nil || time.Now().After(late) {
				t.Fatalf("it is free again, but %+v is chosen, %v", again, err)
			}
		}
	})
}

// Kernels before 5.14 are asked by the device's name.
func TestAskedByDevice(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, dir string) {
		w, err := Look(dir)
		must(t, err)
		s, err := openSystem(w.Mount)
		must(t, err)
		defer s.close()
		s.byDevice = true
		if state, err := s.state(); err != nil || state&enforced == 0 {
			t.Errorf("state %#x, %v", state, err)
		}
		must(t, s.set(firstID+7, 16))
		must(t, s.set(firstID+7, 0))
	})
}

func TestLookSaysWhyNot(t *testing.T) {
	needs.Root(t)
	t.Run("tmpfs", func(t *testing.T) {
		dir := t.TempDir()
		must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
		defer unix.Unmount(dir, unix.MNT_DETACH)
		w, err := Look(dir)
		if want := dir + " is on tmpfs, which has no project quotas: ext4 and xfs have them"; err != nil || w.Why != want {
			t.Errorf("%+v, %v", w, err)
		}
		if _, err := Choose(dir, "web"); err == nil || err.Error() != w.Why {
			t.Errorf("a project is chosen nevertheless: %v", err)
		}
		if err := Limit(t.Context(), dir, Quota{firstID, dir}, 1<<20); err == nil || !strings.Contains(err.Error(), "not, or no longer, enforced") {
			t.Errorf("limited nevertheless: %v", err)
		}
	})
	if _, err := Look(t.TempDir() + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}

// What Look says is to be done helps when it is done to the letter.
func TestLookSaysWhatHelps(t *testing.T) {
	needs.Root(t)
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			dir := mountNew(t, kind, "noquota")
			follow(t, dir, kind)
			if kind == "xfs" {
				return
			}
			// Its quotas count from now on however it is mounted.
			w, err := Look(dir)
			must(t, err)
			hold, err := os.Open(w.Device)
			must(t, err)
			defer hold.Close()
			must(t, unix.Unmount(dir, 0))
			must(t, unix.Mount(w.Device, dir, kind, 0, ""))
			follow(t, dir, kind)
		})
	}
}

// hasQuotas says that the machine is made for tests of them.
func hasQuotas() bool {
	w, err := Look(prepared + "ext4")
	return err == nil && w.Project
}

// follow does what Look says, on a file system without quotas. Where the kernel
// has none, that does no harm.
func follow(t *testing.T, dir, kind string) {
	t.Helper()
	w, err := Look(dir)
	if err != nil || w.Project || w.Type != kind || w.Mount != dir || !strings.HasPrefix(w.Device, "/dev/loop") {
		t.Fatalf("%+v, %v", w, err)
	}
	_, remedy, _ := strings.Cut(w.Why, ": ")
	hold, err := os.Open(w.Device) // unmounting would free it, unlike a disk
	must(t, err)
	defer hold.Close()
	out, err := exec.Command("/bin/sh", "-c", remedy).CombinedOutput()
	if again, e := Look(dir); e != nil || again.Mount != dir || again.Project != (err == nil && len(out) == 0) {
		t.Errorf("after %s: %+v, %v\n%s", remedy, again, e, out)
	}
	if err == nil && len(out) == 0 {
		return
	}
	rest, guarded := strings.CutPrefix(remedy, "modprobe quota_v2 && ")
	if !guarded || !hasQuotas() {
		t.Logf("%s", out)
		t.Skipf("%sa kernel with project quotas on %s", needs.Prefix, kind)
	}
	// In a guest the module is loaded, and modprobe does not find it.
	if out, err := exec.Command("/bin/sh", "-c", rest).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", rest, err, out)
	}
	if w, err := Look(dir); err != nil || !w.Project {
		t.Errorf("after %s: %+v, %v", rest, w, err)
	}
}

func TestLookSaysWhoMayNot(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, dir string) {
		var w Ways
		var err error
		asUser(t, func() { w, err = Look(dir) })
		if err != nil || w.Project || !strings.Contains(w.Why, "CAP_SYS_ADMIN") {
			t.Errorf("%+v, %v", w, err)
		}
	})
}

func TestRenameFromOutsideIsRefused(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, dir string) {
		sandbox := sandboxAt(t, dir)
		write(t, dir+"/outside", 10)
		q := choose(t, dir, "rename")
		must(t, Limit(t.Context(), sandbox, q, 1<<20))
		if err := os.Rename(dir+"/outside", sandbox+"/inside"); !errors.Is(err, unix.EXDEV) {
			t.Errorf("rename into a project: %v", err)
		}
		if err := os.Link(dir+"/outside", sandbox+"/inside"); !errors.Is(err, unix.EXDEV) {
			t.Errorf("link into a project: %v", err)
		}
	})
}
