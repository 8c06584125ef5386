package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/programs"
)

// shell is a root of tasks and the environment to work on it.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	dir := t.TempDir()
	return &shell{t, dir, []string{"DEWAR_ROOT=" + filepath.Join(dir, "tasks"), "TERM=xterm-256color", "CI=", "NO_COLOR="}}
}

// file writes a task and returns its path.
func (s *shell) file(text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, "task.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// dewar starts a verb on a terminal.
func (s *shell) dewar(args ...string) *terminal {
	s.t.Helper()
	return onTerminal(s.t, s.env, append([]string{programs.Path(s.t, "dewar")}, args...)...)
}

// asksNothing fails if the program has asked its terminal anything: an answer
// would be eaten, or come to the shell after us.
func (p *terminal) asksNothing() {
	p.t.Helper()
	for name, question := range map[string]string{
		"the background's colour": "\x1b]11;?", "the foreground's colour": "\x1b]10;?",
		"where the cursor is": "\x1b[6n", "what it is": "\x1b[c",
	} {
		if strings.Contains(p.text(), question) {
			p.t.Errorf("the terminal is asked %s:\n%q", name, p.text())
		}
	}
}

func TestVerbsLeaveTheTerminalAlone(t *testing.T) {
	s := newShell(t)
	for _, args := range [][]string{{"version"}, {"status"}, {"help"}} {
		begun := time.Now()
		p := s.dewar(args...)
		if code := p.ends(); code != 0 {
			t.Errorf("dewar %v: exit status %d", args, code)
		}
		if strings.Contains(p.text(), "\x1b") {
			t.Errorf("dewar %v writes escape sequences: %q", args, p.text())
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("dewar %v took %v: does it wait for the terminal?", args, took)
		}
	}
}

func TestLiveTree(t *testing.T) {
	s := newShell(t)
	p := s.dewar("run", "--task-id", "tree", s.file(`
processes:
  - {name: migrate, cmdline: "echo done"}
  - {name: talk, cmdline: "echo said on the console", logger: {destination: console}}
  - {name: wait, cmdline: "echo a line in its log; until test -e go; do sleep 0.05; done"}
constraints: [{order: [migrate, talk, wait]}]
`))
	p.sees("said on the console")
	p.sees("^C asks the task to end")
	p.sees("RUNNING")
	p.sees("a line in its log")
	if err := os.WriteFile(filepath.Join(s.dir, "tasks/tree/sandbox/go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if code := p.ends(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	p.asksNothing()
	for _, want := range []string{"3 of 3 done", "every process has finished", "migrate", "talk", "wait"} {
		if !strings.Contains(p.text(), want) {
			t.Errorf("it never shows %q: %q", want, p.text())
		}
	}
}

func TestInterruptOnce(t *testing.T) {
	s := newShell(t)
	p := s.dewar("run", "--task-id", "once", s.file(`
processes:
  - {name: main, cmdline: "trap 'sleep 0.5; exit' TERM; echo here; while :; do sleep 0.02; done"}
  - {name: last, cmdline: "echo bye", final: true}
`))
	p.sees("RUNNING")
	p.types("\x03")
	p.sees("^C again ends it at once")
	if code := p.ends(); code != exitKilled {
		t.Errorf("exit status %d, want %d", code, exitKilled)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "tasks/once/sandbox/.logs/last/0/stdout")); err != nil {
		t.Errorf("the finalizer did not run: %v", err)
	}
}

func TestInterruptTwice(t *testing.T) {
	s := newShell(t)
	p := s.dewar("run", "--task-id", "twice", s.file(`
processes:
  - {name: main, cmdline: "trap '' TERM; echo here; while :; do sleep 1; done", stop_timeout: 50}
`))
	p.sees("RUNNING")
	p.types("\x03")
	p.sees("^C again ends it at once")
	p.types("\x03")
	if code := p.ends(); code != exitKilled {
		t.Errorf("exit status %d, want %d", code, exitKilled)
	}
}

// TestHangup closes the terminal: the task is asked to end.
func TestHangup(t *testing.T) {
	s := newShell(t)
	p := s.dewar("run", "--task-id", "hup", s.file(`
processes: [{name: main, cmdline: "echo here; exec sleep 100"}]
`))
	p.sees("RUNNING")
	if err := p.master.Close(); err != nil {
		t.Fatal(err)
	}
	if code := p.ends(); code != exitKilled {
		t.Errorf("exit status %d, want %d", code, exitKilled)
	}
}
