package launch

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

func launchOf(id string) task.Launch {
	t := task.DefaultTask()
	p := task.DefaultProcess()
	p.Name, p.Cmdline = "p", "true"
	t.Processes = []task.Process{p}
	t.FillIn()
	return task.Launch{Version: 1, ID: id, Task: t}
}

func TestMake(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	root := filepath.Join(t.TempDir(), "state", "tasks")
	dir, err := Make(root, launchOf("one"))
	if err != nil {
		t.Fatal(err)
	}
	if want := task.Dir(filepath.Join(root, "one")); dir != want {
		t.Errorf("made %s, want %s", dir, want)
	}
	for path, want := range map[string]os.FileMode{string(dir): os.ModeDir | 0o711, dir.TaskJSON(): 0o640} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
	text, err := os.ReadFile(dir.TaskJSON())
	if err != nil {
		t.Fatal(err)
	}
	var l task.Launch
	if err := json.Unmarshal(text, &l); err != nil || l.ID != "one" {
		t.Errorf("task.json holds %q (%v)", text, err)
	}
	if pid, err := shim.Holder(dir.Lock()); pid != 0 || err != nil {
		t.Errorf("after Make the lock is held by %d (%v)", pid, err)
	}
	only(t, root, "one")
}

func TestMakeTwice(t *testing.T) {
	root := t.TempDir()
	const makers = 8
	errs := make([]error, makers)
	var wg sync.WaitGroup
	for i := range makers {
		wg.Go(func() { _, errs[i] = Make(root, launchOf("same")) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		switch {
		case err == nil:
			made++
		case !errors.Is(err, ErrExists):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d of %d callers made the same task", made, makers)
	}
	only(t, root, "same")
}

// only fails if root holds anything but name.
func only(t *testing.T, root string, name ...string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	if strings.Join(found, " ") != strings.Join(name, " ") {
		t.Errorf("%s holds %v, want %v", root, found, name)
	}
}

func TestMakeUnderAFile(t *testing.T) {
	root := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(root, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(root, launchOf("x")); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("Make under a file says %v", err)
	}
}

func TestMakeInDeepRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), strings.Repeat("d", 150), strings.Repeat("e", 150))
	if _, err := Make(root, launchOf("deep")); err != nil {
		t.Error(err)
	}
}

func TestFreePorts(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	ports, err := FreePorts(names)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, name := range names {
		p := ports[name]
		if p < 1024 || p > 65535 || seen[p] {
			t.Errorf("port %q is %d, of %v", name, p, ports)
		}
		seen[p] = true
	}
}

func TestFindPrograms(t *testing.T) {
	lib, other := t.TempDir(), t.TempDir()
	put := func(dir, name string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	_, err := FindPrograms(lib, other)
	if err == nil || err.Error() != "find dewar-shim: it is not in "+lib {
		t.Errorf("without programs: %v", err)
	}
	put(lib, "dewar-shim", 0o644)
	_, err = FindPrograms(lib, other)
	if err == nil || !regexp.MustCompile(`^find dewar-shim: .*/dewar-shim is not an executable file$`).MatchString(err.Error()) {
		t.Errorf("with a shim that is not executable: %v", err)
	}
	put(other, "dewar-shim", 0o755)
	put(other, "dewar-executor", 0o755)
	got, err := FindPrograms("", "relative:"+other)
	if want := (Programs{other + "/dewar-shim", other + "/dewar-executor"}); err != nil || got != want {
		if _, installed := os.Stat("/usr/bin/dewar-shim"); installed != nil {
			t.Errorf("in PATH: %v (%v), want %v", got, err, want)
		}
	}
	if _, err := FindPrograms(lib, other); err == nil {
		t.Error("DEWAR_LIBEXEC is not the only directory that is looked in")
	}
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
