package command_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a task's directory in whose place commands run.
type world struct {
	testing.TB
	*command.Runner
	dir  task.Dir
	tree *cgroup.Tree // nil: without groups
	spec shim.Spec
}

// each runs a test in a task with groups, if there can be any, and in one without.
func each(t *testing.T, test func(w *world)) {
	t.Run("groups", func(t *testing.T) { test(newWorld(t, grow(t))) })
	t.Run("alone", func(t *testing.T) { test(newWorld(t, nil)) })
}

var aside sync.Once

// grow makes groups of the test's own.
func grow(t testing.TB, controllers ...string) *cgroup.Tree {
	t.Helper()
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	if host.Mode == cgroup.None {
		t.Skip(needs.Prefix + "control groups: " + host.Why)
	}
	for _, c := range controllers {
		if !host.Controllers[c].Usable {
			t.Skip(needs.Prefix + "the controller " + c + ": " + host.Controllers[c].Why)
		}
	}
	aside.Do(func() { stepAside(t, host) })
	place, err := host.Place(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	tree := cgroup.Open(place)
	if err := tree.Make(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := tree.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
	return tree
}

// stepAside takes us out of a group of v2 that is to hand controllers down, for
// as long as the tests run. Who has made that group for them removes it.
func stepAside(t testing.TB, host cgroup.Host) {
	if others, err := host.Strangers(); err != nil || len(others) == 0 {
		return // or it is the root
	}
	place, err := host.Place("the tests")
	if err == nil {
		err = cgroup.Open(place).Make(os.Getpid())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB, tree *cgroup.Tree) *world {
	t.Helper()
	who, err := user.Current()
	if os.Geteuid() == 0 {
		who, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.Atoi(who.Uid)
	gid, err2 := strconv.Atoi(who.Gid)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	w := &world{TB: t, dir: task.Dir(openTemp(t)), tree: tree}
	if err := os.Mkdir(w.dir.Sandbox(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(w.dir.Sandbox(), uid, gid); err != nil {
		t.Fatal(err)
	}
	w.spec = shim.Spec{
		Cwd: w.dir.Sandbox(), UID: uid, GID: gid, User: who.Username, Umask: 0o027, NoNewPrivs: true,
		Env: []string{"PATH=" + sandbox.DefaultPath, "HOME=" + w.dir.Sandbox(), "DEWAR_TASK_ID=t", "DEWAR_PROCESS=web", "DEWAR_RUN=3"},
	}
	w.open()
	t.Cleanup(func() { w.end() })
	return w
}

// openTemp is a new directory that everybody may pass through.
func openTemp(t testing.TB) string {
	dir, err := os.MkdirTemp("/tmp", "command-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (w *world) open() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if w.Runner, err = command.Open(ctx, w.dir, w.tree, ""); err != nil {
		w.Fatal(err)
	}
}

// end closes the runner, and looks whether anything is left. A Close that has
// waited for a second, which is little in a guest, leaves the rest to others.
func (w *world) end() {
	w.Helper()
	if err := w.Close(); err != nil {
		w.Error(err)
	}
	w.untilNobodyLives()
	for end := time.Now().Add(patience); len(zombies(w)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.Errorf("zombies: %v", zombies(w))
			return
		}
	}
}

func (w *world) shell(name, text string) command.Command {
	return command.Command{Place: command.Place{Spec: w.spec}, Name: name, Shell: text}
}

func (w *world) argv(name string, argv ...string) command.Command {
	return command.Command{Place: command.Place{Spec: w.spec}, Name: name, Argv: argv}
}

// run runs a command that has time enough.
func (w *world) run(c command.Command) command.Result {
	return w.Run(c, time.Now().Add(patience))
}

// living are the processes that bear the mark of a command of this task.
func (w *world) living() (all []string) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		w.Fatal(err)
	}
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err == nil && bytes.Contains(env, []byte("DEWAR_COMMAND=")) && bytes.Contains(env, []byte(w.dir)) {
			line, _ := os.ReadFile(filepath.Dir(file) + "/cmdline")
			all = append(all, fmt.Sprintf("%s %q", filepath.Dir(file), line))
		}
	}
	return all
}

func (w *world) untilNobodyLives() {
	w.Helper()
	for end := time.Now().Add(patience); len(w.living()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("left: %v", w.living())
		}
	}
}

// zombies are our children that nobody has reaped.
func zombies(t testing.TB) (all []int) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if s, err := shim.ReadStat(pid); err == nil && s.Ppid == os.Getpid() && s.Dead() {
			all = append(all, pid)
		}
	}
	return all
}

func trimmed(b []byte) string { return strings.TrimSpace(string(b)) }
