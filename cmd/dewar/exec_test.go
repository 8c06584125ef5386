package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
)

// sleeper starts a task t whose process simple sleeps, and waits until it does.
func (s *shell) sleeper(flags ...string) {
	s.t.Helper()
	args := append([]string{"simplerun", "--detach", "--task-id", "t"}, flags...)
	if code := s.dewar(append(args, "--", "exec sleep 1000")...).ends(); code != 0 {
		s.t.Fatalf("dewar %v: exit status %d", args, code)
	}
	s.t.Cleanup(func() { s.dewar("kill", "--now", "t").ends() })
	for end := time.Now().Add(10 * time.Second); s.dewar("exec", "t", "--", "true").ends() != 0; {
		if time.Now().After(end) {
			s.t.Fatal("no process of the task runs")
		}
	}
}

// TestExecOnTerminal: the command has a terminal of its own, which says what it
// says, hears what is typed, and is as large as ours.
func TestExecOnTerminal(t *testing.T) {
	s := newShell(t)
	s.sleeper()
	p := s.dewar("exec", "t", "--", "bash", "--norc", "--noediting", "-i")
	p.types("stty size; tty; echo is:$TERM\n")
	p.sees("24 80")
	p.sees("is:xterm-256color")
	p.types("bash -c 'echo slee\"\"ps; exec sleep 1000'\n")
	p.sees("sleeps\r\n")
	p.types("\x03") // the inner terminal's affair; it forgets what was typed before
	p.sees("^C")
	p.types("echo interrupted:$?\n")
	p.sees("interrupted:130")
	p.types("exit 9\n")
	if code := p.ends(); code != 9 {
		t.Errorf("exit status %d, want 9: %q", code, p.text())
	}
}

// TestExecLeavesFilesBehind: what our caller has open is not the command's to
// read, whoever it runs as.
func TestExecLeavesFilesBehind(t *testing.T) {
	s := newShell(t)
	s.sleeper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := programs.Path(t, "dewar")
	cmd := exec.Command("sh", "-c", `exec 8<"$1" 9<"$1"; exec "$0" exec t -- ls -l /proc/self/fd`, program, secret)
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), " 0 -> ") || strings.Contains(string(out), secret) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestExecDiesWithUs: what dewar exec has started does not outlive it.
func TestExecDiesWithUs(t *testing.T) {
	s := newShell(t)
	s.sleeper()
	p := s.dewar("exec", "t", "--", "bash", "--norc", "-c", "echo pid:$$.; exec sleep 1000")
	p.sees(".\r\n")
	pid := wordAfter(p.text(), "pid:", ".")
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.ends()
	awaitGone(t, pid)
}

// TestExecEndsWithTheTask: it stands in the group, and no end of a task is
// proven while it lives.
func TestExecEndsWithTheTask(t *testing.T) {
	needs.Root(t)
	s := newShell(t)
	s.sleeper("--isolation=cgroup")
	p := s.dewar("exec", "t", "--", "bash", "--norc", "-c", "trap '' TERM HUP; echo pid:$$.; while :; do sleep 1; done")
	p.sees(".\r\n")
	if code := s.dewar("kill", "--now", "t").ends(); code != 0 {
		t.Errorf("dewar kill: exit status %d", code)
	}
	if code := p.ends(); code != 128+9 {
		t.Errorf("exit status %d, want %d: %q", code, 128+9, p.text())
	}
	p.sees("the command was killed: run 0 of simple has ended")
}

func awaitGone(t *testing.T, pid string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		if st, err := shim.ReadStat(n); err != nil || st.Dead() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %s lives on", pid)
		}
	}
}

// wordAfter is what stands in text after one word and before another.
func wordAfter(text, after, before string) string {
	_, text, _ = strings.Cut(text, after)
	text, _, _ = strings.Cut(text, before)
	return text
}
