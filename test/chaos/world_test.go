package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// world is one task and everything around it.
type world struct {
	t     *testing.T
	bin   string
	root  string
	books string
	id    string
	env   []string
}

func newWorld(t *testing.T, bin string, env ...string) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{
		t: t, bin: bin,
		root:  filepath.Join(dir, "tasks"),
		books: filepath.Join(dir, "books"),
		id:    fmt.Sprintf("chaos-%08x", rand.Uint32()),
		env:   append(os.Environ(), append([]string{"DEWAR_BRAIN_RETRY=0s"}, env...)...),
	}
	if err := os.MkdirAll(w.books, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.bury)
	return w
}

func (w *world) dir() task.Dir { return task.Dir(filepath.Join(w.root, w.id)) }

// dewar runs the command line and returns its exit status and output.
func (w *world) dewar(args ...string) (int, string) {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(w.bin, "dewar"), append([]string{"--root", w.root}, args...)...)
	cmd.Env = w.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("run dewar %s: %v", strings.Join(args, " "), err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// launch starts g without following it.
func (w *world) launch(g graph) {
	w.t.Helper()
	w.run(g.file(w))
}

// run starts a task without following it, in groups wherever there can be any.
func (w *world) run(content []byte) {
	w.t.Helper()
	file := filepath.Join(filepath.Dir(w.root), "task.json")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		w.t.Fatal(err)
	}
	isolation := "none"
	if contained(w.t) {
		isolation = "cgroup"
	}
	if code, out := w.dewar("run", "--detach", "--isolation", isolation, "--task-id", w.id, file); code != 0 {
		w.t.Fatalf("dewar run --detach exits %d: %s", code, out)
	}
}

// wait returns a channel that gets the exit status of `dewar wait`.
func (w *world) wait() <-chan int {
	done := make(chan int, 1)
	go func() {
		code, out := w.dewar("wait", w.id)
		if code > 4 {
			w.t.Errorf("dewar wait exits %d: %s", code, out)
		}
		done <- code
	}()
	return done
}

// brain and shim are the pids of the programs that live; 0 if none does.
func (w *world) brain() int { return w.holder(w.dir().Lock(), "dewar-executor") }
func (w *world) shim() int  { return w.holder(w.dir().ShimLock(), "dewar-shim") }

// holder is who holds a lock, if it is that program: `dewar wait` takes the locks
// of a task that is over, too, to remove what is left of its groups.
func (w *world) holder(lock, program string) int {
	pid, err := shim.Holder(lock)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOENT) {
		w.t.Errorf("ask who holds %s: %v", lock, err)
	}
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err != nil || strings.TrimSpace(string(comm)) != program {
		return 0
	}
	return pid
}

// kill sends SIGKILL to a pid that a lock named, and says whether it was there.
func kill(pid int) bool {
	return pid > 1 && syscall.Kill(pid, syscall.SIGKILL) == nil
}

// entry is one record of the journal, as `dewar read` prints it.
type entry struct {
	Type    string       `json:"type"`
	Process string       `json:"process"`
	Run     int          `json:"run"`
	State   string       `json:"state"`
	Exit    *int         `json:"exit"`
	Signal  int          `json:"signal"`
	OOM     *machine.OOM `json:"oom"`
	At      struct {
		Wall int64 `json:"wall"`
	} `json:"at"`
}

func (w *world) journal() []entry {
	w.t.Helper()
	code, out := w.dewar("read", w.id)
	if code != 0 {
		w.t.Fatalf("dewar read exits %d: %s", code, out)
	}
	var entries []entry
	dec := json.NewDecoder(strings.NewReader(out))
	for dec.More() {
		var e entry
		if err := dec.Decode(&e); err != nil {
			w.t.Fatalf("decode what dewar read prints: %v", err)
		}
		entries = append(entries, e)
	}
	return entries
}

// note is one line of a process' own book.
type note struct {
	what      string
	run, code int
	wall      int64
}

func (w *world) book(process string) []note {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.books, process))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var notes []note
	for line := range strings.Lines(string(data)) {
		var n note
		if _, err := fmt.Sscan(line, &n.what, &n.run, &n.code, &n.wall); err != nil {
			w.t.Fatalf("read the book of %s: %q: %v", process, line, err)
		}
		notes = append(notes, n)
	}
	return notes
}

// leftovers are the processes that carry the task's id in their environment or
// among their arguments, zombies aside.
func (w *world) leftovers() []string {
	w.t.Helper()
	mark := []byte("DEWAR_TASK_ID=" + w.id + "\x00")
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		w.t.Fatal(err)
	}
	var left []string
	for _, dir := range dirs {
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		environ, err := os.ReadFile(filepath.Join(dir, "environ"))
		if (err != nil || !bytes.Contains(environ, mark)) && !bytes.Contains(cmdline, []byte(w.id)) {
			continue
		}
		left = append(left, filepath.Base(dir)+" "+string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
	}
	return left
}

// bury ends what a failed test has left, so that it does not haunt the next.
func (w *world) bury() {
	for _, pid := range []int{w.shim(), w.brain()} {
		kill(pid)
	}
	for _, line := range w.leftovers() {
		pid, err := strconv.Atoi(strings.Fields(line)[0])
		if err == nil {
			kill(pid)
		}
	}
}

// eventually waits until ok, and fails with what after the deadline.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}
