package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/task"
)

func TestLogEnd(t *testing.T) {
	dir, id := task.Dir(t.TempDir()), task.RunID{Process: "web", Run: 3}
	path := filepath.Join(dir.Logs(id), "stderr")
	if err := os.MkdirAll(dir.Logs(id), 0o755); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, "secret")

	write(path, strings.Repeat("x", 9000)+"the end")
	if got, err := LogEnd(dir, id, "stderr", os.Geteuid(), 4096); err != nil || len(got) != 4096 || !strings.HasSuffix(string(got), "the end") {
		t.Errorf("a file: %d bytes, %v", len(got), err)
	}
	if got, err := LogEnd(dir, id, "stderr", os.Geteuid()+1, 4096); err == nil {
		t.Errorf("somebody else's file was read: %q", got)
	}
	for name, plant := range map[string]func() error{
		"a link":            func() error { return os.Symlink(secret, path) },
		"a second name":     func() error { return os.Link(secret, path) },
		"a directory":       func() error { return os.Mkdir(path, 0o700) },
		"a link to nowhere": func() error { return os.Symlink("nowhere", path) },
	} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		if got, err := LogEnd(dir, id, "stderr", os.Geteuid(), 4096); err == nil {
			t.Errorf("%s was read: %q", name, got)
		}
	}
}
