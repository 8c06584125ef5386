package shim_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// The test binary is the shim, and its exec step, when it is called so.
func init() {
	if os.Args[0] == "dewar-shim" || filepath.Base(os.Args[0]) == headless {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if os.Args[0] == "dewar-shim" {
		os.Exit(shim.Main(os.Args, os.Environ()))
	}
	switch filepath.Base(os.Args[0]) {
	case "say":
		say(os.Args[1:])
		return
	case headless:
		loseFirstThread()
	}
	code := m.Run()
	if built.path != "" {
		os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// rig is a task's directory with a shim that lives.
type rig struct {
	t     testing.TB
	dir   task.Dir
	id    string
	cmd   *exec.Cmd
	conn  *client.Conn
	hello client.Greeting
	bells []client.Bell // heard and not yet waited for
	user  int           // the shim's, if it is not ours
	mark  string        // in the environment of the shim and its brain
}

type option func(*exec.Cmd)

func withEnv(e ...string) option { return func(c *exec.Cmd) { c.Env = append(c.Env, e...) } }
func withBrain(argv ...string) option {
	return func(c *exec.Cmd) { c.Args = append(c.Args[:3:3], argv...) }
}

// withBinary starts the real program rather than this test's.
func withBinary(t testing.TB) option {
	path := binary(t)
	return func(c *exec.Cmd) { c.Path = path }
}

var built struct {
	sync.Once
	path string
	err  error
}

// binary is the program as it is released, built now unless DEWAR_BIN says
// where it is.
func binary(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("DEWAR_BIN"); dir != "" {
		return filepath.Join(dir, "dewar-shim")
	}
	built.Do(func() {
		var dir string
		if dir, built.err = os.MkdirTemp("", "dewar-shim-test-"); built.err != nil {
			return
		}
		if built.err = os.Chmod(dir, 0o755); built.err != nil { // some tests are another user
			return
		}
		built.path = filepath.Join(dir, "dewar-shim")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", built.path, "github.com/dewarhq/dewar/cmd/dewar-shim")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = errors.New("build dewar-shim: " + err.Error() + "\n" + string(out))
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func argv(args ...string) func(*shim.Spec) { return func(s *shim.Spec) { s.Args = args } }

// newDir makes a task's directory that every user may pass through.
func newDir(t testing.TB) task.Dir {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && len(d) > 4; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			break
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sandbox"), 0o755); err != nil {
		t.Fatal(err)
	}
	return task.Dir(dir)
}

// start starts a shim and connects to it.
func start(t testing.TB, opts ...option) *rig {
	t.Helper()
	return startIn(t, newDir(t), opts...)
}

func startIn(t testing.TB, dir task.Dir, opts ...option) *rig {
	t.Helper()
	r := launch(t, dir, opts...)
	r.connect()
	return r
}

// launch starts a shim whose brain does nothing.
func launch(t testing.TB, dir task.Dir, opts ...option) *rig {
	t.Helper()
	r := &rig{t: t, dir: dir, id: "task-" + strconv.Itoa(os.Getpid()) + "-" + filepath.Base(string(dir)) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	r.mark = "DEWAR_TEST_RIG=" + r.id
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	console, err := os.OpenFile(dir.Console(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	r.cmd = &exec.Cmd{
		Path: exe, Args: []string{"dewar-shim", string(dir), "--", "/bin/sleep", "1000"},
		Env: append(os.Environ(), r.mark), Dir: "/", Stdout: console, Stderr: console,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	for _, o := range opts {
		o(r.cmd)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

// stop ends everything and sees that nothing is left.
func (r *rig) stop() {
	if r.t.Failed() {
		if b, err := os.ReadFile(r.dir.Console()); err == nil && len(b) < 4000 {
			r.t.Logf("console: %s", b)
		}
	}
	if r.conn != nil {
		r.conn.Close()
	}
	r.cmd.Process.Kill()
	r.cmd.Wait()
	r.bury()
	until(r.t, "no brain is left", r.noBrain)
}

// bury does what a brain does after the shim's death.
func (r *rig) bury(more ...shim.Status) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.Bury(ctx, r.dir, r.id, append(r.statuses(), more...)); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) statuses() []shim.Status {
	var all []shim.Status
	paths, err := filepath.Glob(string(r.dir) + "/runs/*/*/status")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil {
			if s, err := shim.DecodeStatus(b); err == nil && s.State != shim.Ended {
				all = append(all, s)
			}
		}
	}
	return all
}

// noBrain kills the brains that are left, which have no parent-death signal,
// and reports whether there were none.
func (r *rig) noBrain() bool {
	none := true
	for _, p := range processes(r.t) {
		env, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid) + "/environ")
		if err == nil && !p.Dead() && strings.Contains(string(env), r.mark) {
			none = false
			syscall.Kill(p.Pid, syscall.SIGKILL)
		}
	}
	return none
}

// connect dials until the shim listens.
func (r *rig) connect() {
	r.t.Helper()
	until(r.t, "the shim listens", func() bool {
		conn, hello, err := client.Dial(r.dir)
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
			return false
		}
		if err != nil {
			r.t.Fatal(err)
		}
		r.conn, r.hello = conn, hello
		return true
	})
}

// until waits for something that nobody announces.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass that %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// spec is a run of /bin/sh -c script.
func (r *rig) spec(id task.RunID, script string) shim.Spec {
	return shim.Spec{
		Args: []string{"/bin/sh", "-c", script},
		Env: []string{"PATH=/usr/bin:/bin", "DEWAR_TASK_ID=" + r.id, "DEWAR_PROCESS=" + id.Process,
			"DEWAR_RUN=" + strconv.Itoa(id.Run), "HOME=" + r.dir.Sandbox()},
		Cwd: r.dir.Sandbox(), UID: os.Getuid(), GID: os.Getgid(), User: "us", Umask: 0o022,
		LogDir: id.LogDir(), Dest: "file", Mode: "standard",
	}
}

func run(process string, n int) task.RunID { return task.RunID{Process: process, Run: n} }

// spawn starts a script and returns its run.
func (r *rig) spawn(process, script string, change ...func(*shim.Spec)) task.RunID {
	r.t.Helper()
	id := run(process, 0)
	if err := r.try(id, script, change...); err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r *rig) try(id task.RunID, script string, change ...func(*shim.Spec)) error {
	r.t.Helper()
	spec := r.spec(id, script)
	for _, c := range change {
		c(&spec)
	}
	write := func() {
		if err := client.WriteSpec(r.dir, id, spec); err != nil {
			r.t.Error(err)
		}
	}
	if r.user != 0 {
		r.asUser(r.user, write)
	} else {
		write()
	}
	return r.conn.Spawn(id)
}

// hear waits for a bell.
func (r *rig) hear(kind string, id task.RunID) {
	r.t.Helper()
	want := client.Bell{Kind: kind, RunID: id}
	for i, b := range r.bells {
		if b == want {
			r.bells = append(r.bells[:i:i], r.bells[i+1:]...)
			return
		}
	}
	late := time.After(patience)
	for {
		select {
		case b, ok := <-r.conn.Bells():
			if !ok {
				r.t.Fatalf("waiting for the bell %v: %v", want, r.conn.Err())
			}
			if b == want {
				return
			}
			r.bells = append(r.bells, b)
		case <-late:
			r.t.Fatalf("the bell %v did not come; heard %d others, last %v", want, len(r.bells), r.bells[max(0, len(r.bells)-5):])
		}
	}
}

// status reads a run's status.
func (r *rig) status(id task.RunID) shim.Status {
	r.t.Helper()
	s, err := client.ReadStatus(r.dir, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// ended waits for a run's end and returns its status.
func (r *rig) ended(id task.RunID) shim.Status {
	r.t.Helper()
	r.hear(shim.BellEnded, id)
	return r.status(id)
}

func (r *rig) log(id task.RunID, name string) string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir.Logs(id), name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func withStdout(f *os.File) option { return func(c *exec.Cmd) { c.Stdout = f } }

// withInherited leaves a descriptor open in the shim's start.
func withInherited(f *os.File) option {
	return func(c *exec.Cmd) { c.ExtraFiles = append(c.ExtraFiles, f) }
}

// as starts the shim as another user.
func as(uid uint32) option {
	return func(c *exec.Cmd) { c.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid} }
}

// asUser calls do on a thread that belongs to another user.
func (r *rig) asUser(uid int, do func()) {
	r.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread is not given back: it ends with the goroutine.
		runtime.LockOSThread()
		for _, trap := range []uintptr{syscall.SYS_SETRESGID, syscall.SYS_SETRESUID} {
			if _, _, e := syscall.RawSyscall(trap, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
				r.t.Error(e)
				return
			}
		}
		do()
	}()
	<-done
}

func (r *rig) uid() int {
	if r.user != 0 {
		return r.user
	}
	return os.Getuid()
}

// prlimit sets a soft limit of a process and returns the one before.
func prlimit(t *testing.T, pid, what int, soft uint64) uint64 {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(pid, what, nil, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pid, what, &unix.Rlimit{Cur: soft, Max: old.Max}, nil); err != nil {
		t.Fatal(err)
	}
	return old.Cur
}

// link puts the test binary into the sandbox under a name that TestMain knows.
func (r *rig) link(name string) {
	r.t.Helper()
	exe, err := os.Executable()
	if err == nil {
		err = os.Symlink(exe, filepath.Join(r.dir.Sandbox(), name))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}
