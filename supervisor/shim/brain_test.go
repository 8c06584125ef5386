package shim_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// fields reads a file of ours.
func fields(t *testing.T, path string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	if err := shim.EachField(b, func(k, v []byte) error {
		m[string(k)] = string(v)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// waitExit waits for the shim's own end.
func (r *rig) waitExit() int {
	r.t.Helper()
	done := make(chan struct{})
	go func() { // ends with the shim, at the latest when stop kills it
		defer close(done)
		r.cmd.Wait()
	}()
	select {
	case <-done:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		r.t.Fatal("the shim does not end")
		return -1
	}
}

// TestKeepsTheBrain: at once after its first death, later after more, and says
// why meanwhile.
func TestKeepsTheBrain(t *testing.T) {
	r := start(t, withEnv("DEWAR_BRAIN_RETRY=0,100ms,300ms", "DEWAR_BRAIN_WORKED=50ms"),
		withBrain("/bin/sh", "-c", "echo start >> "+"$0/starts; echo complaint >&2; test -e $0/good && exec sleep 1000; exit 3", "DIR"), dirArgument)
	starts := filepath.Join(string(r.dir), "starts")
	until(t, "three brains have died", func() bool {
		b, _ := os.ReadFile(starts)
		return strings.Count(string(b), "start") >= 3 && exists(r.dir.BrainFailing())
	})
	f := fields(t, r.dir.BrainFailing())
	if f["exit"] != "3" || f["count"] < "2" || f["next"] <= f["wall"] || !strings.Contains(f["stderr"], "complaint") {
		t.Errorf("brain-failing: %v", f)
	}
	// Its run goes on, and so does the task when a brain works.
	if s := r.ended(r.spawn("p", "exit 5")); s.Exit != 5 {
		t.Errorf("status %+v", s)
	}
	if err := os.WriteFile(filepath.Join(string(r.dir), "good"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	until(t, "a brain lives", func() bool {
		g, err := r.conn.List()
		if err != nil {
			t.Fatal(err)
		}
		st, err := shim.ReadStat(g.BrainPid)
		return err == nil && !st.Dead() && commOf(g.BrainPid) == "sleep"
	})
	if !exists(r.dir.BrainFailing()) {
		t.Error("brain-failing is gone before a brain has worked")
	}
	if err := r.conn.Hello("test"); err != nil {
		t.Fatal(err)
	}
	until(t, "brain-failing is gone", func() bool { return !exists(r.dir.BrainFailing()) })
}

func commOf(pid int) string {
	b, err := os.ReadFile("/proc/" + itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// dirArgument replaces the argument DIR by the task's directory.
func dirArgument(c *exec.Cmd) {
	for i, a := range c.Args {
		if a == "DIR" {
			c.Args[i] = c.Args[1]
		}
	}
}

// TestNoSuchBrain is said, and the shim lives.
func TestNoSuchBrain(t *testing.T) {
	r := start(t, withBrain("/no/such/brain"), withEnv("DEWAR_BRAIN_RETRY=0,60s"))
	until(t, "brain-failing is there", func() bool { return exists(r.dir.BrainFailing()) })
	if f := fields(t, r.dir.BrainFailing()); !strings.Contains(f["error"], "start the brain /no/such/brain: no such file or directory") {
		t.Errorf("brain-failing: %v", f)
	}
	if s := r.ended(r.spawn("p", "exit 5")); s.Exit != 5 {
		t.Errorf("status %+v", s)
	}
}

// TestBrainLog is put aside when it is large, and never follows a link.
func TestBrainLog(t *testing.T) {
	dir := newDir(t)
	if err := os.WriteFile(dir.BrainLog(), make([]byte, 1<<20+1), 0o640); err != nil {
		t.Fatal(err)
	}
	startIn(t, dir, withBrain("/bin/sh", "-c", "echo new; sleep 1000"))
	until(t, "the new log is written", func() bool {
		b, err := os.ReadFile(dir.BrainLog())
		return err == nil && string(b) == "new\n"
	})
	if info, err := os.Stat(dir.BrainLog() + ".1"); err != nil || info.Size() != 1<<20+1 {
		t.Errorf("the old one: %v, %v", info, err)
	}
}

// TestEnd: the shim goes when its brain has.
func TestEnd(t *testing.T) {
	r := start(t)
	id := r.spawn("p", "sleep 1000")
	r.hear(shim.BellStarted, id)
	var no *client.Refused
	if err := r.conn.End(); !errors.As(err, &no) {
		t.Fatalf("end with a live run: %v", err)
	}
	if err := r.conn.Kill(id); err != nil {
		t.Fatal(err)
	}
	r.ended(id)
	if err := r.conn.End(); err != nil {
		t.Fatal(err)
	}
	g, err := r.conn.List()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(g.BrainPid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := r.waitExit(); code != shim.ExitDone {
		t.Errorf("exit code %d", code)
	}
}

// TestTermIsAWish: it stands in the file, and the brain hears of it.
func TestTermIsAWish(t *testing.T) {
	r := start(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := r.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		r.hear(shim.BellShutdown, task.RunID{})
		f := fields(t, r.dir.Shutdown())
		if f["grace"] != "60" || !strings.Contains(f["by"], "signal 15 to the shim") {
			t.Errorf("shutdown: %v", f)
		}
	}
	// The rest does not hurt.
	for _, sig := range []syscall.Signal{syscall.SIGPIPE, syscall.SIGXFSZ, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGTSTP, syscall.SIGCHLD, syscall.SIGURG} {
		if err := r.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.ended(r.spawn("p", "exit 5")); s.Exit != 5 {
		t.Errorf("status %+v", s)
	}
}

// TestTermStartsTheBrain that waits for its turn.
func TestTermStartsTheBrain(t *testing.T) {
	r := start(t, withEnv("DEWAR_BRAIN_RETRY=60s"), withBrain("/bin/sh", "-c", "test -e $0/shutdown && exec sleep 1000; exit 1", "DIR"), dirArgument)
	until(t, "the brain has failed", func() bool { return exists(r.dir.BrainFailing()) })
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "a brain lives", func() bool {
		g, err := r.conn.List()
		if err != nil {
			t.Fatal(err)
		}
		return g.BrainPid != 0 && commOf(g.BrainPid) == "sleep"
	})
}

// TestEndsItByItself: a wish to end, and no brain that works.
func TestEndsItByItself(t *testing.T) {
	r := start(t, withEnv("DEWAR_BRAIN_RETRY=60s", "DEWAR_SHUTDOWN_PATIENCE=200ms"), withBrain("/bin/false"))
	polite := r.spawn("polite", "trap 'exit 4' TERM; while :; do sleep 0.01; done")
	deaf := r.spawn("deaf", "trap '' TERM; while :; do sleep 0.01; done")
	strays := r.spawn("strays", stray("sleep 1000"))
	r.hear(shim.BellStarted, polite)
	r.hear(shim.BellStarted, deaf)
	r.ended(strays)
	wish := shim.AppendField(shim.AppendInt(nil, "version", 1), "grace", "0.3")
	if err := os.WriteFile(r.dir.Shutdown(), shim.AppendInt(wish, "end", 1), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := r.waitExit(); code != shim.ExitDone {
		t.Errorf("exit code %d", code)
	}
	if s := r.status(polite); s.Exit != 4 || s.Signals[0] != 15 {
		t.Errorf("polite: %+v", s)
	}
	if s := r.status(deaf); s.Signal != 9 {
		t.Errorf("deaf: %+v", s)
	}
	if alive(r.pidIn("stray")) {
		t.Error("the stray lives")
	}
}

// TestBrainThatWorksIsTrusted: the shim does not interfere.
func TestBrainThatWorksIsTrusted(t *testing.T) {
	r := start(t, withEnv("DEWAR_SHUTDOWN_PATIENCE=500ms"))
	if err := r.conn.Hello("test"); err != nil {
		t.Fatal(err)
	}
	id := r.spawn("p", "sleep 1000")
	r.hear(shim.BellStarted, id)
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.hear(shim.BellShutdown, task.RunID{})
	// Longer than the shim's patience.
	if s := r.ended(r.spawn("q", "sleep 1.2; exit 5")); s.Exit != 5 {
		t.Errorf("status %+v", s)
	}
	if s := r.status(id); s.State != shim.Running {
		t.Errorf("status %+v", s)
	}
	// Until the brain has gone for that long.
	r.conn.Close()
	r.conn = nil
	if code := r.waitExit(); code != shim.ExitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestOneShim(t *testing.T) {
	r := start(t)
	second := launch(t, r.dir)
	if code := second.waitExit(); code != shim.ExitHeld {
		t.Errorf("exit code %d", code)
	}
	if pid, err := shim.Holder(r.dir.ShimLock()); err != nil || pid != r.cmd.Process.Pid {
		t.Errorf("holder %d, %v", pid, err)
	}
	if s := r.ended(r.spawn("p", "exit 5")); s.Exit != 5 {
		t.Errorf("status %+v", s)
	}
}

func TestMisuse(t *testing.T) {
	dir := newDir(t)
	for _, args := range [][]string{
		{}, {"x"}, {string(dir)}, {string(dir), "--"}, {"relative", "--", "/bin/true"}, {string(dir), "--", "true"},
		{"/no/such/dir", "--", "/bin/true"}, {"exec", "runs/p/0"}, {string(dir), "/bin/true"},
	} {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Cmd{Path: exe, Args: append([]string{"dewar-shim"}, args...)}
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != shim.ExitMisuse || !strings.HasPrefix(said.String(), "dewar-shim: ") {
			t.Errorf("%q: %v, said %q", args, err, said.String())
		}
	}
}

// TestLongPath: 300 bytes, against a socket's 107.
func TestLongPath(t *testing.T) {
	dir := newDir(t)
	long := string(dir)
	for len(long) < 300 {
		long = filepath.Join(long, strings.Repeat("d", 50))
	}
	if err := os.MkdirAll(long+"/sandbox", 0o755); err != nil {
		t.Fatal(err)
	}
	r := startIn(t, task.Dir(long))
	id := r.spawn("a name with spaces and ünïcödé", "echo x", func(s *shim.Spec) { s.Notify = true })
	if s := r.ended(id); s.Exit != 0 {
		t.Errorf("status %+v", s)
	}
	if got := r.log(id, "stdout"); got != "x\n" {
		t.Errorf("log %q", got)
	}
}
