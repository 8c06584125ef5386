package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
	"golang.org/x/sys/unix"
)

// hang makes the test binary, as the child that gathers, do nothing for ever.
const hang = "DEWAR_TEST_HANG"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == Word {
		if os.Getenv(hang) != "" {
			select {}
		}
		os.Exit(Main(os.Args[2]))
	}
	os.Exit(m.Run())
}

// scene is a run whose main process is a real one.
func scene(t *testing.T, cmdline string) Case {
	t.Helper()
	c := Case{Dir: task.Dir(t.TempDir()), Run: task.RunID{Process: "web", Run: 3}, Why: StopTimeout, Reason: "it hangs", UID: os.Geteuid()}
	for _, dir := range []string{c.Dir.Run(c.Run), c.Dir.Logs(c.Run)} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/bin/bash", "-c", cmdline)
	cmd.Dir = c.Dir.Sandbox()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		_ = cmd.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, 3)); err != nil {
		t.Fatal("it does not say \"up\"", err)
	}
	s, err := shim.ReadStat(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	c.Pid, c.Start = s.Pid, s.Start
	return c
}

// within gathers, and fails the test if that takes longer than it may.
func within(t *testing.T, limit time.Duration, c Case) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	err := Gather(ctx, c)
	if took := time.Since(began); took > limit+time.Second/2 {
		t.Errorf("it took %s, and had %s", took, limit)
	}
	return err
}

func (c Case) file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(c.Dir), c.Run.EvidenceDir(string(c.Why)), name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func (c Case) log(t *testing.T, stream, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.Dir.Logs(c.Run), stream), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What a run looks like is in the bundle: who it is, where each waits, what it
// has open, what it said; and no environment.
func TestGather(t *testing.T) {
	t.Setenv("SECRET", "verysecret")
	c := scene(t, "exec 7>witness; sleep 1000 & until grep -q sleep /proc/$!/comm; do :; done; echo up; exec sleep 1001")
	for end := time.Now().Add(10 * time.Second); name(of(c.Pid)) != "sleep" && time.Now().Before(end); {
		runtime.Gosched()
	}
	c.log(t, "stdout", "the last of stdout\n")
	c.Answers = []byte(`[{"outcome":"fail"}]`)
	c.Capture = func(_ context.Context, to io.Writer) error {
		fmt.Fprintln(to, "captured")
		c.log(t, "stdout", "the last of stdout\nand what was said when asked\n")
		return errors.New("exit status 3")
	}
	if err := within(t, 5*time.Second, c); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"reason.txt":   {"run 3 of web: it hangs\n", "environments", "missing: the capture command: exit status 3\n"},
		"answers.json": {`[{"outcome":"fail"}]`},
		"groups.txt":   {"MemAvailable"},
		"stdout.tail":  {"the last of stdout\n", "and what was said when asked\n"},
		"capture.txt":  {"captured\n"},
		"procs.txt": {fmt.Sprintf("== process %d (sleep)", c.Pid), "fd 7 -> " + c.Dir.Sandbox() + "/witness\n", "Max open files",
			"nanosleep"},
		"cmdlines.txt": {fmt.Sprintf("%d: sleep 1001\n", c.Pid), ": sleep 1000\n"},
	} {
		for _, want := range wants {
			if got := c.file(t, name); !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", name, want, got)
			}
		}
	}
	if os.Geteuid() == 0 && !strings.Contains(c.file(t, "procs.txt"), "[<0>]") {
		t.Error("there is no kernel stack")
	}
	if entries, err := os.ReadDir(filepath.Dir(filepath.Join(string(c.Dir), c.Run.EvidenceDir(string(c.Why))))); err != nil || len(entries) != 1 {
		t.Errorf("beside the bundle: %v, %v", entries, err)
	}
	out, err := exec.Command("grep", "-r", "verysecret", string(c.Dir)).CombinedOutput()
	if err == nil {
		t.Errorf("a secret is in it: %s", out)
	}
}

// A socket is shown with how many wait to be accepted.
func TestGatherSockets(t *testing.T) {
	c := scene(t, "echo up; exec sleep 1000")
	c.Pid, c.Start = os.Getpid(), 0
	s, err := shim.ReadStat(c.Pid)
	if err != nil {
		t.Fatal(err)
	}
	c.Start = s.Start
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 2 {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if err := within(t, 5*time.Second, c); err != nil {
		t.Fatal(err)
	}
	shown := ""
	for line := range strings.Lines(c.file(t, "sockets.txt")) {
		if strings.Contains(line, "LISTEN") && strings.Contains(line, l.Addr().String()) {
			shown = line
		}
	}
	if f := strings.Fields(shown); len(f) != 7 || f[4] != "2" || !strings.HasPrefix(f[6], fmt.Sprint(c.Pid, ":fd")) {
		t.Errorf("a server with two who wait: %q", shown)
	}
}

// Huge logs do not make a huge bundle, and their ends are in it.
func TestGatherHugeLogs(t *testing.T) {
	c := scene(t, "echo up; exec sleep 1000")
	for _, stream := range []string{"stdout", "stderr"} {
		c.log(t, stream, "the end")
		f, err := os.OpenFile(filepath.Join(c.Dir.Logs(c.Run), stream), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("the end of "+stream), 200<<20); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c.Answers = make([]byte, 1<<20)
	c.Capture = func(ctx context.Context, to io.Writer) error {
		for ctx.Err() == nil {
			if _, err := to.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	if err := within(t, 3*time.Second, c); err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	err := filepath.Walk(filepath.Join(string(c.Dir), c.Run.EvidenceDir(string(c.Why))), func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return err
	})
	if err != nil || total > 5e6 || total < 2<<20 {
		t.Errorf("it has %d bytes, %v", total, err)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if !strings.HasSuffix(c.file(t, stream+".tail"), "the end of "+stream) {
			t.Errorf("%s has not its end", stream)
		}
	}
	if !strings.HasSuffix(c.file(t, "capture.txt"), cutOff) {
		t.Error("the capture command's output was not cut off")
	}
}

// A child that is held up is not waited for, and what is known without it is
// kept.
func TestGatherHeldUp(t *testing.T) {
	c := scene(t, "echo up; exec sleep 1000")
	t.Setenv(hang, "1")
	if err := within(t, time.Second, c); err != nil {
		t.Fatal(err)
	}
	if got := c.file(t, "reason.txt"); !strings.Contains(got, "missing: some of what processes and logs say: the time was up") {
		t.Errorf("reason.txt: %s", got)
	}
	if c.file(t, "groups.txt") == "" {
		t.Error("the groups are missing")
	}
}

// A link that the user has planted in the place of a log, or of a directory
// above it, leads nowhere; nor does the bundle itself become anybody's to write.
func TestGatherTricks(t *testing.T) {
	needs.Root(t)
	const user = 12345
	c := scene(t, "echo up; exec sleep 1000")
	c.UID = user
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("rootsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := c.Dir.Logs(c.Run)
	if err := errors.Join(os.Symlink(secret, filepath.Join(logs, "stdout")), syscall.Mkfifo(filepath.Join(logs, "stderr"), 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := within(t, 3*time.Second, c); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("grep", "-r", "rootsecret", string(c.Dir.Runs())).CombinedOutput(); err == nil {
		t.Errorf("it was read: %s", out)
	}
	if got := c.file(t, "reason.txt"); !strings.Contains(got, "missing: std") {
		t.Errorf("what is missing is not said: %s", got)
	}
	bundle := filepath.Join(string(c.Dir), c.Run.EvidenceDir(string(c.Why)))
	if err := os.Chmod(filepath.Dir(string(c.Dir)), 0o711); err != nil { // the test's own directory lets nobody through
		t.Fatal(err)
	}
	as := func(uid uint32, command string) error {
		cmd := exec.Command("/bin/sh", "-c", command)
		cmd.Dir = bundle
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return cmd.Run()
	}
	if err := as(user, "cat reason.txt && ls && ls .."); err != nil {
		t.Errorf("the user cannot read it: %v", err)
	}
	for uid, command := range map[uint32]string{user: "echo x >> reason.txt || rm reason.txt || touch new || mv ../stop-timeout ../x", user + 1: "cat reason.txt || ls"} {
		if as(uid, command) == nil {
			t.Errorf("uid %d can do one of: %s", uid, command)
		}
	}
}

// On a disk without room there is no bundle, nor anything of one.
func TestGatherFullDisk(t *testing.T) {
	needs.Root(t)
	c := scene(t, "echo up; exec sleep 1000")
	runs := c.Dir.Run(c.Run)
	if err := unix.Mount("small", string(c.Dir), "tmpfs", 0, "size=8m,mode=711"); err != nil {
		t.Skipf("%sa mount: %v", needs.Prefix, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(string(c.Dir), unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.MkdirAll(runs, 0o711); err != nil {
		t.Fatal(err)
	}
	err := within(t, 3*time.Second, c)
	if !errors.Is(err, ErrNoRoom) {
		t.Errorf("it says %v", err)
	}
	if entries, err := os.ReadDir(runs); err != nil || len(entries) != 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
