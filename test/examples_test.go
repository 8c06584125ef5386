package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
)

// home is a root for tasks of one test, with a command line to it.
type home struct {
	t    *testing.T
	root string
	env  []string
}

func newHome(t *testing.T) *home {
	return &home{t: t, root: filepath.Join(t.TempDir(), "tasks"), env: os.Environ()}
}

// dewar runs a verb and answers its stdout. It fails the test if the exit
// status is not want.
func (h *home) dewar(want int, verb string, args ...string) string {
	h.t.Helper()
	cmd := exec.Command(programs.Path(h.t, "dewar"), append([]string{verb, "--root", h.root}, args...)...)
	cmd.Env = h.env
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	begun := time.Now()
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != want {
		h.t.Fatalf("dewar %s %s: %v after %v, want exit status %d\nstdout:\n%s\nstderr:\n%s",
			verb, strings.Join(args, " "), err, time.Since(begun), want, out.String(), said.String())
	}
	return out.String()
}

// run runs an example to its end.
func (h *home) run(want int, task, example string, flags ...string) string {
	h.t.Helper()
	return h.dewar(want, "run", append(flags, "--task-id", task, filepath.Join("../examples", example))...)
}

// read is the content of a file in a task's sandbox.
func (h *home) read(task, name string) string {
	h.t.Helper()
	content, err := os.ReadFile(h.sandbox(task, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(content)
}

func (h *home) sandbox(task, name string) string {
	return filepath.Join(h.root, task, "sandbox", name)
}

// same fails the test if two texts differ.
func same(t *testing.T, what, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

// eventually waits for something that gives no sign of its own.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s it is still not so that %s", what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestExamplesAreValid(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	h := newHome(t)
	h.dewar(0, "validate", files...)
}

func TestHello(t *testing.T) {
	h := newHome(t)
	h.run(0, "h", "hello.yaml")
	same(t, "greeting", "Hello from run 0 of greet in task h\n", h.read("h", ".logs/greet/0/stdout"))
	same(t, "count", "1\n2\n3\n", h.dewar(0, "tail", "h", "count"))
	h.run(5, "h", "hello.yaml") // finished before
}

func TestWebstack(t *testing.T) {
	needs.Program(t, "python3")
	needs.Program(t, "redis-server")
	h := newHome(t)
	http, redis := freePort(t), freePort(t)
	h.run(0, "w", "webstack.yaml", "--port", "http="+http, "--port", "redis="+redis)
	contains(t, "the migration", h.read("w", ".logs/migrate/0/stdout"), "migration 3 done")
	contains(t, "redis", h.read("w", ".logs/redis/0/stdout"), "Ready to accept connections")
	checkVisit(t, h, "w", http)
	for _, port := range []string{http, redis} {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Errorf("something still listens after the task's end: %v", err)
			continue
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWebstackWithWhatIsThere runs the stack on a machine without redis-server.
func TestWebstackWithWhatIsThere(t *testing.T) {
	needs.Program(t, "python3")
	path := t.TempDir()
	for _, name := range []string{"bash", "sh", "python3", "tar", "gzip", "grep", "sed"} {
		if err := os.Symlink(needs.Program(t, "/usr/bin/"+name, "/bin/"+name), filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	h := newHome(t)
	h.env = append(h.env, "PATH="+path)
	http := freePort(t)
	h.run(0, "w", "webstack.yaml", "--preserve-env", "--port", "http="+http)
	contains(t, "the stand-in", h.read("w", ".logs/redis/0/stderr"), "redis-server is not installed")
	checkVisit(t, h, "w", http)
}

func checkVisit(t *testing.T, h *home, task, port string) {
	t.Helper()
	contains(t, "the visit", h.read(task, ".logs/visit/0/stdout"),
		"http://127.0.0.1:"+port+"/ sells flask, stopper, cup and has counted")
	contains(t, "the finalizer", h.read(task, ".logs/save-logs/0/stdout"), "log files saved in logs.tar.gz")
	if !exists(h.sandbox(task, "logs.tar.gz")) {
		t.Error("logs.tar.gz is not in the sandbox")
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestHealth runs the example of checks: load starts when the shop is healthy,
// is stopped when it is not ready, comes back, and nobody has failed.
func TestHealth(t *testing.T) {
	needs.Program(t, "python3")
	h := newHome(t)
	h.run(0, "c", "health.yaml")
	same(t, "the runs of load", "run 0\nrun 1\n", h.read("c", "load.runs"))
	contains(t, "maintenance", h.read("c", ".logs/maintenance/0/stdout"), "the load was stopped, and has come back: run 0 run 1")
	same(t, "pre_stop of the shop", "shop is leaving\n", h.read("c", "farewell"))
	var inspected struct {
		Status struct {
			Processes []struct {
				Name     string
				Failures int
			}
		}
	}
	if err := json.Unmarshal([]byte(h.dewar(0, "inspect", "--json", "c")), &inspected); err != nil {
		t.Fatal(err)
	}
	for _, p := range inspected.Status.Processes {
		if p.Failures != 0 {
			t.Errorf("process %s has %d failures: what is stopped for a lost edge has none", p.Name, p.Failures)
		}
	}
	if len(inspected.Status.Processes) != 4 {
		t.Errorf("%d processes", len(inspected.Status.Processes))
	}
}

func TestMapReduce(t *testing.T) {
	written, err := exec.Command("bash", "../examples/mapreduce.sh").Output()
	if err != nil {
		t.Fatalf("mapreduce.sh: %v", err)
	}
	file, err := os.ReadFile("../examples/mapreduce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "mapreduce.yaml is not what mapreduce.sh writes", string(written), string(file))

	h := newHome(t)
	h.run(0, "m", "mapreduce.yaml")
	var digits [10]int
	for n := 1; n <= 90_000; n++ {
		for rest := n; rest > 0; rest /= 10 {
			digits[rest%10]++
		}
	}
	var want strings.Builder
	for d, n := range digits {
		fmt.Fprintln(&want, d, n)
	}
	same(t, "result", want.String(), h.read("m", "result"))
	mappers, err := filepath.Glob(h.sandbox("m", ".logs/map-*/0/stdout"))
	if err != nil || len(mappers) != 180 {
		t.Errorf("%d mappers have logs (%v), want 180", len(mappers), err)
	}
}

func TestFlaky(t *testing.T) {
	h := newHome(t)
	h.run(0, "f", "flaky.yaml")
	same(t, "report", "got it at try 2\n", h.read("f", ".logs/report/0/stdout"))
	for run, want := range []string{"try 0: the server is not there yet\n", "try 1: the server is not there yet\n", ""} {
		same(t, "stderr", want, h.read("f", fmt.Sprintf(".logs/fetch/%d/stderr", run)))
	}
	contains(t, "why", h.dewar(0, "why", "f", "decorate"), "run 0 of decorate exited with status 1", "no colours here")
}

func TestDaemon(t *testing.T) {
	h := newHome(t)
	h.run(0, "d", "daemon.yaml", "--detach")
	eventually(t, "the daemon runs a third time", func() bool { return exists(h.sandbox("d", ".logs/beat/2/stdout")) })
	h.dewar(0, "restart", "d", "server")
	eventually(t, "the server runs again", func() bool {
		return exists(h.sandbox("d", ".logs/server/1/stdout")) && h.read("d", ".logs/server/1/stdout") != ""
	})
	contains(t, "the server that was asked to stop", h.read("d", ".logs/server/0/stdout"), "finishing what I was doing\nbye\n")
	if n := len(carrying(t, "d", h.root)); n == 0 {
		t.Error("no process carries DEWAR_TASK_ID: the next check would prove nothing")
	}
	h.dewar(0, "kill", "d")
	h.dewar(3, "wait", "d")
	contains(t, "the finalizer", h.read("d", "last-words"), "beats")
	if left := carrying(t, "d", h.root); len(left) != 0 {
		t.Errorf("left running: %v", left)
	}
}

// carrying are the processes that belong to a task, by their environment.
func carrying(t *testing.T, task, root string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range all {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // somebody else's, or gone
		}
		environ := "\x00" + string(content)
		if strings.Contains(environ, "\x00DEWAR_TASK_ID="+task+"\x00") && strings.Contains(environ, "\x00HOME="+filepath.Join(root, task)) {
			found = append(found, filepath.Base(filepath.Dir(file)))
		}
	}
	return found
}
