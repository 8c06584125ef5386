package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dewarhq/dewar/task"
)

func TestLastLines(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing":        {"", ""},
		"one":            {"alas\n", "alas"},
		"no end of line": {"alas", "alas"},
		"the last five":  {"1\n2\n3\n4\n5\n6\n7\n", "3\n4\n5\n6\n7"},
		"dos":            {"a\r\nb\r\n", "a \nb"},
		"not UTF-8":      {"a\xffb\n", "a\ufffdb"},
		"an escape":      {"\x1b[31mred\tcell\n", " [31mred\tcell"},
	} {
		if got := lastLines(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for name, in := range map[string]string{"long": strings.Repeat("ü", 5000), "garbage": strings.Repeat("a\xff", 5000)} {
		got := lastLines(in)
		if len(got) > tailBytes || len(got) < tailBytes-8 || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, valid %v", name, len(got), utf8.ValidString(got))
		}
	}
}

func TestEndOf(t *testing.T) {
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
	if got, err := endOf(dir, id, os.Geteuid()); err != nil || len(got) != 2*tailBytes || !strings.HasSuffix(got, "the end") {
		t.Errorf("a file: %d bytes, %v", len(got), err)
	}
	if got, err := endOf(dir, id, os.Geteuid()+1); err == nil {
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
		if got, err := endOf(dir, id, os.Geteuid()); err == nil {
			t.Errorf("%s was read: %q", name, got)
		}
	}
}
