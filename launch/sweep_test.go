package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

func TestChoose(t *testing.T) {
	old := func(id string, days int, size int64) Old {
		return Old{ID: id, Ended: start.AddDate(0, 0, -days), Size: size}
	}
	all := []Old{old("c", 3, 30), old("a", 1, 10), old("e", 20, 50), old("b", 2, 20), old("d", 4, 1)}
	for _, test := range []struct {
		name   string
		limits Limits
		want   string
	}{
		{"nothing limits", Limits{}, ""},
		{"age", Limits{Age: 10 * 24 * time.Hour}, "e"},
		{"age to the instant", Limits{Age: 4 * 24 * time.Hour}, "e"},
		{"count", Limits{Count: 2}, "e d c"},
		{"size; a small older one would fit", Limits{Size: 35}, "e d c"},
		{"size to the byte", Limits{Size: 30}, "e d c"},
		{"size of none", Limits{Size: 5}, "e d c b a"},
		{"all", Limits{Age: 10 * 24 * time.Hour, Count: 3, Size: 29}, "e d c b"},
		{"all, the count first", Limits{Age: 10 * 24 * time.Hour, Count: 1, Size: 30}, "e d c b"},
		{"all, the age first", Limits{Age: 36 * time.Hour, Count: 3, Size: 30}, "e d c b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ids []string
			for _, c := range Choose(all, test.limits, start) {
				ids = append(ids, c.ID)
				if c.Reason == "" {
					t.Errorf("%s goes without a reason", c.ID)
				}
			}
			if got := strings.Join(ids, " "); got != test.want {
				t.Errorf("%q go, want %q", got, test.want)
			}
		})
	}
}

func ok(task.Dir) error { return nil }

func TestRemoveFollowsNoLink(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	precious := filepath.Join(outside, "precious")
	if err := os.WriteFile(precious, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir, err := Make(root, launchOf("old"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir.Sandbox(), "deep", "er"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sandbox/out", "sandbox/deep/er/out", "runs"} {
		if err := os.Symlink(outside, filepath.Join(string(dir), name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := DiskSize(dir); err != nil {
		t.Error(err)
	}
	if err := Remove(root, "old", ok); err != nil {
		t.Fatal(err)
	}
	only(t, root)
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("a file behind a link: %v", err)
	}
}

// What has two names takes the disk once.
func TestDiskSize(t *testing.T) {
	dir := task.Dir(t.TempDir())
	measure := func() int64 {
		t.Helper()
		size, err := DiskSize(dir)
		if err != nil {
			t.Fatal(err)
		}
		return size
	}
	empty := measure()
	name := filepath.Join(string(dir), "name")
	if err := os.WriteFile(name, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	one := measure()
	if one < empty+1<<20 {
		t.Errorf("a file of 1 MiB makes %d bytes of %d", one, empty)
	}
	if err := os.Link(name, name+"2"); err != nil {
		t.Fatal(err)
	}
	if two := measure(); two >= one+1<<19 {
		t.Errorf("a second name makes %d bytes of %d", two, one)
	}
}

func TestRemoveAsksUnderTheLocks(t *testing.T) {
	root := t.TempDir()
	dir, err := Make(root, launchOf("busy"))
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("it is not finished")
	if err := Remove(root, "busy", func(task.Dir) error { return no }); !errors.Is(err, no) {
		t.Errorf("Remove says %v", err)
	}
	only(t, root, "busy")
	for _, lock := range []string{dir.Lock(), dir.ShimLock()} {
		release := holdElsewhere(t, lock)
		var held *shim.HeldError
		if err := Remove(root, "busy", ok); !errors.As(err, &held) {
			t.Errorf("with %s held Remove says %v", filepath.Base(lock), err)
		}
		if err := release(); err != nil {
			t.Error(err)
		}
		only(t, root, "busy")
	}
}

// holdElsewhere has another process, this test's binary, lock the file until
// release is called: record locks are invisible within one process.
func holdElsewhere(t *testing.T, path string) (release func() error) {
	t.Helper()
	_, release = holder(t, path)
	return release
}

func holder(t *testing.T, path string) (cmd *exec.Cmd, release func() error) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LAUNCH_TEST_LOCK="+path, "GORACE=atexit_sleep_ms=0")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("wait for the lock: %v", err)
	}
	return cmd, func() error {
		in.Close()
		return cmd.Wait()
	}
}

func TestMain(m *testing.M) {
	path := os.Getenv("LAUNCH_TEST_LOCK")
	if path == "" {
		os.Exit(m.Run())
	}
	lock, err := shim.Lock(path)
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("x")
	hold()
	if err := lock.Close(); err != nil {
		panic(err)
	}
}
