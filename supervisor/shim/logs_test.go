package shim_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/test/needs"
)

func rotate(size int64, backups int) func(*shim.Spec) {
	return func(s *shim.Spec) { s.Mode, s.LogSize, s.Backups = "rotate", size, backups }
}

func dest(d string) func(*shim.Spec) { return func(s *shim.Spec) { s.Dest = d } }

// lines prints n numbered lines of 10 bytes each.
func lines(n int) string {
	return fmt.Sprintf("i=0; while [ $i -lt %d ]; do printf '%%09d\\n' $i; i=$((i+1)); done", n)
}

func TestRotation(t *testing.T) {
	cases := []struct {
		name, script  string
		size          int64
		backups       int
		files         []int // sizes from the newest
		first, newest string
	}{
		{"nothing", "true", 100, 2, []int{0}, "", ""},
		{"exactly one", lines(10), 100, 2, []int{100}, "000000000\n", ""},
		{"one more", lines(11), 100, 2, []int{10, 100}, "000000010\n", ""},
		{"at line ends", lines(25), 95, 5, []int{70, 90, 90}, "000000018\n", ""},
		{"dropped", lines(100), 100, 2, []int{100, 100, 100}, "000000090\n", ""},
		{"no backups", lines(25), 100, 0, []int{50}, "000000020\n", ""},
		{"no line ends", "head -c 250 /dev/zero | tr '\\0' x", 100, 5, []int{50, 100, 100}, "xxxxxxxxxx", ""},
	}
	r := start(t)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			id := r.spawn("p"+strconv.Itoa(i), c.script, rotate(c.size, c.backups))
			if s := r.ended(id); s.Exit != 0 || s.Dropped != 0 {
				t.Fatalf("status %+v", s)
			}
			for n, want := range c.files {
				name := "stdout"
				if n > 0 {
					name += "." + strconv.Itoa(n)
				}
				got := r.log(id, name)
				// Where no line is broken sizes depend only on the limit.
				if len(got) != want {
					t.Errorf("%s has %d bytes, want %d", name, len(got), want)
				}
				if n == 0 && !strings.HasPrefix(got, c.first) {
					t.Errorf("%s begins with %.20q, want %q", name, got, c.first)
				}
			}
			if _, err := os.Stat(filepath.Join(r.dir.Logs(id), "stdout."+strconv.Itoa(len(c.files)))); !os.IsNotExist(err) {
				t.Errorf("there is one file more: %v", err)
			}
		})
	}
}

// TestNoByteIsLost: a flood, in every order of reads and ends.
func TestNoByteIsLost(t *testing.T) {
	r := start(t)
	const n = 40000
	script := "seq 1 " + strconv.Itoa(n) + "; seq 1 " + strconv.Itoa(n) + " >&2"
	id := r.spawn("p", script, rotate(50_000, 100))
	if s := r.ended(id); s.Exit != 0 || s.Dropped != 0 {
		t.Fatalf("status %+v", s)
	}
	var want bytes.Buffer
	for i := 1; i <= n; i++ {
		fmt.Fprintln(&want, i)
	}
	for _, name := range []string{"stdout", "stderr"} {
		var all []byte
		for k := 100; k >= 0; k-- {
			path := filepath.Join(r.dir.Logs(id), name)
			if k > 0 {
				path += "." + strconv.Itoa(k)
			}
			b, err := os.ReadFile(path)
			if err == nil {
				if len(b) > 50_000 {
					t.Errorf("%s has %d bytes", path, len(b))
				}
				all = append(all, b...)
			}
		}
		if !bytes.Equal(all, want.Bytes()) {
			t.Errorf("%s: %d bytes, want %d", name, len(all), want.Len())
		}
	}
}

func TestDestinations(t *testing.T) {
	r := start(t)
	script := "echo to-out; echo to-err >&2; exit 1"
	cases := []struct {
		dest          string
		file, console bool
	}{{"file", true, false}, {"both", true, true}, {"console", false, true}, {"none", false, false}}
	for _, c := range cases {
		for _, mode := range []string{"standard", "rotate"} {
			before, err := os.ReadFile(r.dir.Console())
			if err != nil {
				t.Fatal(err)
			}
			id := r.spawn(c.dest+mode, script, rotate(1000, 1), dest(c.dest), func(s *shim.Spec) { s.Mode = mode })
			s := r.ended(id)
			if s.Exit != 1 || s.Tail != "to-err\n" {
				t.Errorf("%s %s: status %+v", c.dest, mode, s)
			}
			b, err := os.ReadFile(filepath.Join(r.dir.Logs(id), "stdout"))
			if (err == nil && string(b) == "to-out\n") != c.file {
				t.Errorf("%s %s: the file has %q, %v", c.dest, mode, b, err)
			}
			after, err := os.ReadFile(r.dir.Console())
			if err != nil {
				t.Fatal(err)
			}
			said := string(after[len(before):])
			if (strings.Contains(said, "to-out") && strings.Contains(said, "to-err")) != c.console {
				t.Errorf("%s %s: the console has %q", c.dest, mode, said)
			}
		}
	}
}

// TestConsoleNeverBlocks: nobody reads the shim's stdout.
func TestConsoleNeverBlocks(t *testing.T) {
	for _, kind := range []string{"pipe", "socket"} {
		t.Run(kind, func(t *testing.T) {
			var fds [2]int
			var err error
			if kind == "pipe" {
				err = syscall.Pipe(fds[:])
			} else {
				fds, err = syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			in, out := os.NewFile(uintptr(fds[0]), "in"), os.NewFile(uintptr(fds[1]), "out")
			defer in.Close()
			r := start(t, withStdout(out))
			out.Close()
			id := r.spawn("p", "head -c 3000000 /dev/zero", dest("console"))
			if s := r.ended(id); s.Exit != 0 || s.Dropped < 1_000_000 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// TestTail keeps exactly the end.
func TestTail(t *testing.T) {
	r := start(t)
	for _, change := range []func(*shim.Spec){dest("file"), dest("none"), rotate(1000, 1)} {
		id := run("p", len(r.statusesOf("p")))
		if err := r.try(id, "seq 1 5000 >&2; exit 9", change); err != nil {
			t.Fatal(err)
		}
		s := r.ended(id)
		if len(s.Tail) != shim.MaxTail || !strings.HasSuffix(s.Tail, "\n4999\n5000\n") {
			t.Errorf("%s: tail of %d bytes ends in %q", id, len(s.Tail), s.Tail[max(0, len(s.Tail)-20):])
		}
	}
	// None of a run that did well.
	if s := r.ended(r.spawn("good", "echo noise >&2")); s.Tail != "" {
		t.Errorf("tail %q", s.Tail)
	}
}

func (r *rig) statusesOf(process string) []string {
	paths, err := filepath.Glob(filepath.Join(r.dir.Runs(), process, "*", "status"))
	if err != nil {
		r.t.Fatal(err)
	}
	return paths
}

// TestDoesNotWaitForHolders: a grandchild keeps the pipe.
func TestDoesNotWaitForHolders(t *testing.T) {
	r := start(t)
	id := r.spawn("p", stray("sleep 1000")+"echo done", rotate(1000, 1))
	s := r.ended(id)
	if s.Exit != 0 || s.Left == 0 {
		t.Errorf("status %+v", s)
	}
	if got := r.log(id, "stdout"); got != "done\n" {
		t.Errorf("log %q", got)
	}
}

// TestPlanted: whatever the sandbox's user puts at the paths that we open,
// rotate or read, nothing outside is touched.
func TestPlanted(t *testing.T) {
	plant := map[string]func(path, outside string) error{
		"symlink":   func(path, outside string) error { return os.Symlink(outside, path) },
		"dangling":  func(path, outside string) error { return os.Symlink(outside+".new", path) },
		"hard link": func(path, outside string) error { return os.Link(outside, path) },
		"fifo":      func(path, _ string) error { return syscall.Mkfifo(path, 0o666) },
		"directory": func(path, _ string) error { return os.MkdirAll(path+"/full", 0o777) },
		"empty dir": func(path, _ string) error { return os.Mkdir(path, 0o777) },
	}
	for kind, put := range plant {
		for _, name := range []string{"stdout", "stderr", "stdout.1", "stdout.2"} {
			for _, mode := range []string{"standard", "rotate"} {
				t.Run(kind+"/"+name+"/"+mode, func(t *testing.T) {
					planted(t, put, name, mode, strings.Contains(kind, "dir"))
				})
			}
		}
	}
}

func planted(t *testing.T, put func(path, outside string) error, name, mode string, isDir bool) {
	r := start(t)
	outside := filepath.Join(string(r.dir), "outside")
	const precious = "precious\n"
	if err := os.WriteFile(outside, []byte(precious), 0o600); err != nil {
		t.Fatal(err)
	}
	id := run("p", 0)
	if err := os.MkdirAll(r.dir.Logs(id), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := put(filepath.Join(r.dir.Logs(id), name), outside); err != nil {
		t.Fatal(err)
	}
	err := r.try(id, lines(50)+"; echo err >&2; exit 1", rotate(100, 2), func(s *shim.Spec) { s.Mode = mode })
	atStart := name == "stdout" || name == "stderr"
	switch {
	case err != nil:
		if !isDir || !atStart || !strings.Contains(err.Error(), "log") {
			t.Errorf("refused: %v", err)
		}
	default:
		s := r.ended(id)
		if s.Error != "" && !(isDir && atStart && mode == "standard" && strings.Contains(s.Error, "log")) {
			t.Errorf("error %q", s.Error)
		}
		if s.Error == "" && s.Exit != 1 {
			t.Errorf("status %+v", s)
		}
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != precious {
		t.Errorf("outside: %q, %v", b, err)
	}
	if _, err := os.Lstat(outside + ".new"); !os.IsNotExist(err) {
		t.Errorf("something was made outside: %v", err)
	}
}

// TestPlantedDirectories: links in place of the log directories.
func TestPlantedDirectories(t *testing.T) {
	for _, at := range []string{".logs", ".logs/p", ".logs/p/0"} {
		for _, mode := range []string{"standard", "rotate"} {
			r := start(t)
			outside := filepath.Join(string(r.dir), "outside")
			if err := os.MkdirAll(outside+"/p/0", 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(r.dir.Sandbox(), at)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, path); err != nil {
				t.Fatal(err)
			}
			id := run("p", 0)
			err := r.try(id, "echo x", rotate(100, 2), func(s *shim.Spec) { s.Mode = mode })
			if err == nil {
				if s := r.ended(id); !strings.Contains(s.Error, "log directory") {
					t.Errorf("%s %s: status %+v", at, mode, s)
				}
			} else if !strings.Contains(err.Error(), "log directory") {
				t.Errorf("%s %s: %v", at, mode, err)
			}
			var made []string
			filepath.Walk(outside, func(p string, info os.FileInfo, err error) error {
				if err == nil && !info.IsDir() {
					made = append(made, p)
				}
				return nil
			})
			if made != nil {
				t.Errorf("%s %s: made outside: %v", at, mode, made)
			}
		}
	}
}

// TestLogsAreNotForEverybody: a task may have several users. They are those of
// the command's user also where that is executed as another, and its ids are
// changed later.
func TestLogsAreNotForEverybody(t *testing.T) {
	needs.Root(t)
	const uid, gid = 65533, 65532
	for i, mode := range []string{"standard", "rotate", "standard", "rotate"} {
		r := start(t)
		id := r.spawn(mode, lines(50)+"; echo the end >&2; exit 3", rotate(100, 1), func(s *shim.Spec) {
			s.Mode, s.UID, s.GID, s.Cwd = mode, uid, gid, "/"
			if i >= 2 {
				s.UID, s.GID, s.LogUID, s.LogGID = 0, 0, uid, gid
			}
		})
		if s := r.ended(id); s.Exit != 3 || !strings.HasSuffix(s.Tail, "the end\n") {
			t.Fatalf("%s: status %+v", mode, s)
		}
		logs := r.dir.Logs(id)
		want := map[string]os.FileMode{"": 0o750, "/..": 0o750, "/stdout": 0o640, "/stderr": 0o640}
		if mode == "rotate" {
			want["/stdout.1"] = 0o640
		}
		for name, perm := range want {
			info, err := os.Stat(logs + name)
			if err != nil {
				t.Fatal(err)
			}
			st := info.Sys().(*syscall.Stat_t)
			if info.Mode().Perm() != perm || st.Uid != uid || st.Gid != gid {
				t.Errorf("%s: %s%s is %v of %d:%d", mode, logs, name, info.Mode(), st.Uid, st.Gid)
			}
		}
	}
}

// TestTailOfReplacedLog: stderr became a second name of somebody's secret.
func TestTailOfReplacedLog(t *testing.T) {
	r := start(t)
	secret := filepath.Join(string(r.dir), "secret")
	if err := os.WriteFile(secret, []byte("the secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, how := range []string{"ln -f", "ln -sf"} {
		id := run("p", i)
		path := filepath.Join(r.dir.Logs(id), "stderr")
		if err := r.try(id, how+" "+secret+" "+path+"; exit 1"); err != nil {
			t.Fatal(err)
		}
		if s := r.ended(id); s.Exit != 1 || strings.Contains(s.Tail, "secret") {
			t.Errorf("%s: tail %q", how, s.Tail)
		}
	}
}
