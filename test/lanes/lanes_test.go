package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/test/needs"
)

// TestMain lets the test binary be the lane tool, when a test runs it as such.
func TestMain(m *testing.M) {
	if os.Getenv("LANES_IS_MAIN") == "1" || len(os.Args) > 1 && steps[os.Args[1]] != nil {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestReader(t *testing.T) {
	in, err := os.Open("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}()
	var shown strings.Builder
	r := newReader(rootLane, &shown)
	if err := r.readAll(in); err != nil {
		t.Fatal(err)
	}
	want := Results{
		Lane: rootLane,
		Outcome: map[Test]Outcome{
			{"m/good", "TestOne"}:      passed,
			{"m/good", "TestTwo"}:      skipped,
			{"m/good", "TestTwo/sub"}:  skipped,
			{"m/bad", "TestBad"}:       failed,
			{"m/panic", "TestPanics"}:  failed,
			{"m/panic", "TestNoEnd"}:   failed,
			{"m/panic", "TestNoWords"}: skipped,
		},
		Reason: map[Test]string{
			{"m/good", "TestTwo"}:      "needs: redis-server: at least 7",
			{"m/good", "TestTwo/sub"}:  "too slow here",
			{"m/panic", "TestNoWords"}: "no reason given",
		},
		Failed: []string{"m/bad", "m/unbuilt", "m/panic"},
	}
	if diff := cmp.Diff(want, r.results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	golden, err := os.ReadFile("testdata/shown.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), shown.String()); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

func TestLeftInAGuest(t *testing.T) {
	r := newReader("v2", io.Discard)
	if err := r.readAll(strings.NewReader(`{"Action":"left","Output":"17 18"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"17", "18"}; !cmp.Equal(want, r.results.Left) {
		t.Errorf("left = %q, want %q", r.results.Left, want)
	}
}

func TestReport(t *testing.T) {
	lane := func(name string, outcomes map[string]Outcome, reasons map[string]string) Results {
		r := Results{Lane: name, Outcome: map[Test]Outcome{}, Reason: map[Test]string{}}
		for test, o := range outcomes {
			r.Outcome[Test{"m", test}] = o
		}
		for test, why := range reasons {
			r.Reason[Test{"m", test}] = why
		}
		return r
	}
	type outcomes = map[string]Outcome
	type reasons = map[string]string
	for _, c := range []struct {
		name  string
		lanes []Results
		not   absent
		ok    bool
		says  string
	}{
		{"each ran somewhere", []Results{
			lane(rootLane, outcomes{"A": passed, "B": skipped}, reasons{"B": needs.ReasonUser}),
			lane(userLane, outcomes{"A": skipped, "B": passed}, reasons{"A": needs.ReasonRoot}),
		}, absent{}, true, "lane user: 1 passed, 0 failed, 1 skipped"},
		{"one ran nowhere", []Results{
			lane(rootLane, outcomes{"B": skipped}, reasons{"B": needs.ReasonUser}),
			lane(userLane, outcomes{"B": skipped}, reasons{"B": "needs: redis-server"}),
		}, absent{}, false, "FAIL: m B ran in no lane: needs: an ordinary user; needs: redis-server"},
		{"no root lane", []Results{
			lane(userLane, outcomes{"A": skipped, "B": passed}, reasons{"A": needs.ReasonRoot}),
		}, absent{root: true}, true, "not run: m A (needs: root)"},
		{"no root lane, and root for something", []Results{
			lane(userLane, outcomes{"A": skipped}, reasons{"A": "needs: root: to mount"}),
		}, absent{root: true}, true, "not run: m A (needs: root)"},
		{"no root lane, and another reason", []Results{
			lane(userLane, outcomes{"A": skipped}, reasons{"A": "needs: redis-server"}),
		}, absent{root: true}, false, "FAIL: m A ran in no lane: needs: redis-server"},
		{"no guests", []Results{
			lane(rootLane, outcomes{"A": skipped}, reasons{"A": needs.ReasonKernel + "cgroup v1: freezer"}),
		}, absent{guests: errors.New("no qemu")}, true, "there were no guests: no qemu\nnot run: m A (needs: a kernel with cgroup v1: freezer)"},
		{"no guests, and a test that boots one", []Results{
			lane(rootLane, outcomes{"A": skipped}, reasons{"A": needs.ReasonGuest + ": no qemu"}),
		}, absent{guests: errors.New("no qemu")}, true, "not run: m A (needs: a guest)"},
		{"guests, and none with what it needs", []Results{
			lane("v2", outcomes{"A": skipped}, reasons{"A": needs.ReasonKernel + "cgroup v1: freezer"}),
		}, absent{}, false, "FAIL: m A ran in no lane: needs: a kernel with cgroup v1: freezer"},
		{"only some lanes", []Results{
			lane("v2", outcomes{"A": skipped}, reasons{"A": needs.ReasonUser}),
		}, absent{some: true}, true, "lane v2: 0 passed, 0 failed, 1 skipped"},
		{"it failed where it ran", []Results{
			{Lane: rootLane, Failed: []string{"m"}, Outcome: map[Test]Outcome{{"m", "A"}: failed}},
		}, absent{}, false, "lane root: FAIL m"},
		{"something was left running", []Results{{Lane: rootLane, Left: []string{"17"}}}, absent{}, false, "FAIL: the tests of lane root left programs of ours running, which are killed now: 17"},
		{"go test failed", []Results{{Lane: rootLane, Broken: true}}, absent{}, false, "go test failed, though no test did"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var said strings.Builder
			if ok := report(&said, c.lanes, c.not); ok != c.ok || !strings.Contains(said.String(), c.says) {
				t.Errorf("report = %v, want %v with %q; it said:\n%s", ok, c.ok, c.says, said.String())
			}
		})
	}
}

func TestOpenToAll(t *testing.T) {
	needs.Root(t) // a user's own temporary directory may lie behind a closed one
	base, err := os.MkdirTemp("", "lanes-open-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(base, "tree")
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.mod"), "module m\n")
	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		what string
		do   func()
		want bool
	}{
		{"below a closed directory", func() { chmod(dir, 0o755) }, false},
		{"open", func() { chmod(base, 0o711) }, true},
		{"with a closed file", func() { chmod(filepath.Join(dir, "go.mod"), 0o600) }, false},
	} {
		step.do()
		if got := openToAll(dir); got != step.want {
			t.Errorf("%s: openToAll = %v, want %v", step.what, got, step.want)
		}
	}
}

func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	for _, name := range []string{".git/config", "bin/dewar", "task/bin/kept.go"} {
		write(t, filepath.Join(from, name), name)
	}
	if err := os.Chmod(filepath.Join(from, "task/bin/kept.go"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("bin", filepath.Join(from, "task/link")); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(to, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			info, err := e.Info()
			if err != nil {
				return err
			}
			got = append(got, strings.TrimPrefix(path, to)+" "+info.Mode().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/task/bin/kept.go -rwxr--r--", "/task/link Lrwxrwxrwx"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("copied (-want +got):\n%s", diff)
	}
}

// TestLeftover finds what runs from a directory, and ends it.
func TestLeftover(t *testing.T) {
	bin, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(needs.Program(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "sleep"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	if left := leftover(bin); len(left) != 0 {
		t.Fatalf("left before anything runs: %v", left)
	}
	cmd := exec.Command(filepath.Join(bin, "sleep"), "3600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left := leftover(bin)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.String() != "signal: killed" {
		t.Errorf("the process ended with %v (%s)", err, cmd.ProcessState)
	}
	if want := []string{strconv.Itoa(cmd.Process.Pid)}; !cmp.Equal(left, want) {
		t.Errorf("left = %v, want %v", left, want)
	}
}

const small = `package m

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs: root")
	}
}

func TestUser(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs: an ordinary user")
	}
	for _, dir := range []string{os.Getenv("HOME"), os.TempDir(), os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("XDG_STATE_HOME")} {
		if err := os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(self); err != nil {
		t.Errorf("read the test's own binary: %v", err)
	}
	if _, err := os.ReadFile("m_test.go"); err != nil {
		t.Errorf("read the package's directory: %v", err)
	}
}

func TestNowhere(t *testing.T) { t.Skip("needs: a unicorn") }
func TestFails(t *testing.T) { t.Error("it is broken") }
`

// TestWhole runs the lane tool on a small module that lies where only root can
// look.
func TestWhole(t *testing.T) {
	needs.Root(t)
	needs.Go(t)
	module := t.TempDir()
	write(t, filepath.Join(module, "go.mod"), "module m\n\ngo 1.26\n")
	write(t, filepath.Join(module, "m_test.go"), small)
	for _, c := range []struct {
		run  string
		code int
		says []string
	}{
		{"TestRoot|TestUser", 0, []string{
			"ok  \tm\t", "lane root: 1 passed, 0 failed, 1 skipped", "lane user: 1 passed, 0 failed, 1 skipped",
			"there were no guests: ",
		}},
		{"TestNowhere", 1, []string{"FAIL: m TestNowhere ran in no lane: needs: a unicorn"}},
		{"TestFails", 1, []string{"--- FAIL: TestFails", "it is broken", "FAIL\tm", "lane user: FAIL m"}},
	} {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, "-race=false", "-run", c.run)
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "LANES_IS_MAIN=1", "DEWAR_BIN=/bin", "GOFLAGS=-mod=mod", "DEWAR_TEST_STRICT=")
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code {
			t.Errorf("-run %s: exit status %d (%v), want %d\n%s", c.run, code, err, c.code, out)
		}
		for _, want := range c.says {
			if !strings.Contains(string(out), want) {
				t.Errorf("-run %s: it did not say %q:\n%s", c.run, want, out)
			}
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
