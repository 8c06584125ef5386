package observer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/task"
)

func TestOpenLog(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "ä b"})
	w.log(run("ä b", 3), "stderr", "it said\n")
	f, err := OpenLog(w.dir, run("ä b", 3), Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); string(text) != "it said\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	for _, missing := range []task.RunID{run("ä b", 2), run("c", 3)} {
		if _, err := OpenLog(w.dir, missing, Stdout); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", missing, err)
		}
	}
	if _, err := OpenLog(w.dir, run("ä b", 3), Stdout); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no stdout: %v", err)
	}
}

// TestPlantedLinks plants links, to inside and outside of the task, and other
// things, at every component of a log's path below the task's directory.
func TestPlantedLinks(t *testing.T) {
	id := run("a", 0)
	for _, where := range []string{"sandbox", "sandbox/.logs", "sandbox/.logs/a", "sandbox/.logs/a/0", "sandbox/.logs/a/0/stdout"} {
		for _, kind := range []string{"absolute", "relative", "dangling", "fifo", "socket", "wrong"} {
			t.Run(where+" "+kind, func(t *testing.T) {
				w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
				w.start(id)
				w.log(id, "stdout", "secret\n")
				path := filepath.Join(string(w.dir), where)
				moved := path + "-moved"
				if err := os.Rename(path, moved); err != nil {
					t.Fatal(err)
				}
				if err := plant(kind, path, moved); err != nil {
					t.Fatal(err)
				}
				f, err := OpenLog(w.dir, id, Stdout)
				if err == nil {
					f.Close()
					t.Fatal("it was opened")
				}
				if errors.Is(err, fs.ErrNotExist) {
					t.Errorf("taken for missing: %v", err)
				}
				said := []string{path}
				switch {
				case kind == "absolute" || kind == "relative" || kind == "dangling":
					said = append(said, "it is a link, which is not followed")
				case kind == "fifo" && strings.HasSuffix(where, "stdout"):
					said = append(said, "it is a named pipe, which is not read")
				case kind == "wrong" && strings.HasSuffix(where, "stdout"):
					said = append(said, "it is a directory")
				}
				says(t, kind, err.Error(), said...)
				if line, err := LastLine(w.dir, id, Stdout); line != "" || err == nil {
					t.Errorf("the last line is %q, %v", line, err)
				}
				var out strings.Builder
				for _, follow := range []bool{false, true} {
					err := Tail(t.Context(), w.dir, TailOptions{Follow: follow}, &out)
					if err == nil || out.Len() != 0 {
						t.Fatalf("tailed: %q, %v", &out, err)
					}
					says(t, "tail", err.Error(), said...)
				}
			})
		}
	}
}

func plant(kind, path, to string) error {
	switch kind {
	case "absolute":
		return os.Symlink(to, path)
	case "relative":
		return os.Symlink(filepath.Base(to), path)
	case "dangling":
		return os.Symlink("/nowhere", path)
	case "fifo":
		return syscall.Mkfifo(path, 0o644)
	case "socket":
		// Its address is short enough only from beside it.
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		dir, err := os.Open(filepath.Dir(path))
		if err != nil {
			return err
		}
		defer dir.Close()
		err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))})
		return errors.Join(err, syscall.Close(fd))
	}
	if strings.HasSuffix(path, "stdout") {
		return os.Mkdir(path, 0o755)
	}
	return os.WriteFile(path, []byte("a file"), 0o644)
}

func TestLastLine(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for text, want := range map[string]string{
		"": "", "\n\n": "", "one": "one", "one\n": "one", "one\ntwo": "two", "one\ntwo\n\n \r\n": "two",
		long + "\nend": "end", long: long[:4096],
	} {
		w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"})
		w.log(run("a", 0), "stdout", text)
		if got, err := LastLine(w.dir, run("a", 0), Stdout); got != want || err != nil {
			t.Errorf("of %.20q: %.20q, %v", text, got, err)
		}
	}
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"})
	if got, err := LastLine(w.dir, run("a", 0), Stdout); got != "" || err != nil {
		t.Errorf("of nothing: %q, %v", got, err)
	}
}

func TestLastLines(t *testing.T) {
	many := strings.Repeat("a line of some length\n", 10_000)
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"", 3, ""}, {"a\nb\nc\n", 0, ""}, {"a\nb\nc\n", 1, "c\n"}, {"a\nb\nc", 1, "c"}, {"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc\n", 3, "a\nb\nc\n"}, {"a\nb\nc\n", 9, "a\nb\nc\n"}, {"\n\n\n", 2, "\n\n"}, {"\n", 1, "\n"}, {"a", 1, "a"},
		{many, 5000, many[len(many)/2:]}, {many, 10_000, many}, {many + "x", 1, "x"}, {"x\n" + strings.Repeat("y", 200_000), 1, strings.Repeat("y", 200_000)},
	} {
		f, err := os.CreateTemp(t.TempDir(), "log")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(c.text); err != nil {
			t.Fatal(err)
		}
		at, err := lastLines(f, c.n)
		if err != nil || c.text[at:] != c.want {
			t.Errorf("the last %d of %.20q: %.20q, %v", c.n, c.text, c.text[at:], err)
		}
	}
}

// TestNextNewerLog looks for the file that follows another in a row, where
// files are missing or have moved since the other was seen.
func TestNextNewerLog(t *testing.T) {
	for name, c := range map[string]struct {
		there string // the numbers of the files
		mine  string
		seen  int // where mine was thought to be
		want  string
		sure  bool
	}{
		"newest":        {"012", "0", 0, "", true},
		"next":          {"012", "2", 2, "1", true},
		"hole":          {"02", "2", 2, "0", true},
		"being renamed": {"2", "2", 2, "", true},
		"moved":         {"0123", "3", 2, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"})
			w.log(run("a", 0), "x", "")
			for _, n := range c.there {
				w.log(run("a", 0), numbered(Stdout, int(n-'0')), string(n))
			}
			d, err := openLogDir(w.dir, run("a", 0))
			if err != nil {
				t.Fatal(err)
			}
			l := &logFile{dir: d, stream: Stdout}
			defer l.close()
			mine, err := os.Stat(filepath.Join(d.Name(), numbered(Stdout, int(c.mine[0]-'0'))))
			if err != nil {
				t.Fatal(err)
			}
			f, sure, err := l.below(mine, c.seen)
			if err != nil || sure != c.sure {
				t.Fatalf("sure %v, %v", sure, err)
			}
			got := []byte{}
			if f != nil {
				defer f.Close()
				if got, err = io.ReadAll(f); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
