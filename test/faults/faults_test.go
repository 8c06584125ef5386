package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// host is a directory of tasks and the program that works on them.
type host struct {
	t    *testing.T
	root string
	env  []string
	with []string // a command to put in front of dewar
}

func newHost(t *testing.T) *host {
	t.Helper()
	return &host{t: t, root: filepath.Join(t.TempDir(), "tasks"), env: os.Environ()}
}

// dewar runs the command line and returns its exit status and all it said.
func (h *host) dewar(args ...string) (int, string) {
	h.t.Helper()
	line := append(append([]string{}, h.with...), programs.Path(h.t, "dewar"), "--root", h.root)
	line = append(line, args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = h.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatalf("run %s: %v", strings.Join(line, " "), err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// wants runs the command line and compares its exit status, and looks for each
// of words in what it said.
func (h *host) wants(status int, words []string, args ...string) {
	h.t.Helper()
	code, out := h.dewar(args...)
	if code != status {
		h.t.Errorf("dewar %s: exit status %d, not %d", strings.Join(args, " "), code, status)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			h.t.Errorf("dewar %s does not say %q", strings.Join(args, " "), word)
		}
	}
	if h.t.Failed() {
		h.t.Logf("it said:\n%s", out)
	}
	if strings.Contains(out, "goroutine ") {
		h.t.Errorf("a stack trace of ours is shown to the user:\n%s", out)
	}
}

// file writes a task and returns its path.
func (h *host) file(task any) string {
	h.t.Helper()
	data, err := json.Marshal(task)
	if err != nil {
		h.t.Fatal(err)
	}
	path := filepath.Join(h.t.TempDir(), "task.json")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		h.t.Fatal(err)
	}
	return path
}

type m map[string]any

// one is a task of one process.
func one(process m) m {
	if process["name"] == nil {
		process["name"] = "main"
	}
	return m{"processes": []m{process}}
}

func TestRootIsAFile(t *testing.T) {
	h := newHost(t)
	if err := os.WriteFile(h.root, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h.wants(111, []string{h.root, "not a directory"}, "simplerun", "--", "true")
}

func TestUnwritableRoot(t *testing.T) {
	needs.User(t)
	h := newHost(t)
	if err := os.Mkdir(h.root, 0o555); err != nil {
		t.Fatal(err)
	}
	h.wants(111, []string{h.root, "permission denied"}, "simplerun", "--", "true")
}

func TestMissingShim(t *testing.T) {
	h := newHost(t)
	alone := t.TempDir()
	data, err := os.ReadFile(programs.Path(t, "dewar"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(alone, "dewar"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(alone, "dewar"), "--root", h.root, "simplerun", "--", "true")
	cmd.Env = append(os.Environ(), "DEWAR_LIBEXEC="+alone, "PATH=/nonexistent")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 111 || !bytes.Contains(out, []byte("dewar-shim")) {
		t.Errorf("without a shim: %v, %s", err, out)
	}
	if left, err := os.ReadDir(h.root); err == nil && len(left) > 0 {
		t.Errorf("a task that could not be started is left behind: %v", left)
	}
}

func TestUnknownUser(t *testing.T) {
	h := newHost(t)
	h.wants(100, []string{"nosuchuser"}, "simplerun", "--user", "nosuchuser", "--", "true")
	h.wants(100, []string{"nosuchuser", "main"}, "run", h.file(one(m{"cmdline": "true", "user": "nosuchuser"})))
}

func TestMissingBash(t *testing.T) {
	needs.Root(t)
	needs.Program(t, "unshare")
	empty := t.TempDir()
	h := newHost(t)
	h.with = []string{"/usr/bin/unshare", "--mount", "/bin/sh", "-c", `mount --bind "$0" /usr/bin && exec "$@"`, empty}
	if target, err := os.Readlink("/bin"); err != nil || target != "usr/bin" {
		t.Skip(needs.Prefix + "a /bin that is a link to usr/bin")
	}
	h.wants(1, []string{"/bin/bash", "no such file or directory"}, "run", h.file(one(m{"cmdline": "true"})))
}

func TestNotExecutable(t *testing.T) {
	h := newHost(t)
	h.wants(1, []string{"/etc/passwd", "permission denied"}, "run", h.file(one(m{"argv": []string{"/etc/passwd"}})))
	h.wants(1, []string{"no-such-command", "no such file or directory"}, "run", h.file(one(m{"argv": []string{"/no-such-command"}})))
	h.wants(1, []string{"no-such-command"}, "run", h.file(one(m{"argv": []string{"no-such-command"}})))
}

func TestLongPath(t *testing.T) {
	h := newHost(t)
	for len(h.root) < 300 {
		h.root = filepath.Join(h.root, strings.Repeat("long", 10))
	}
	h.wants(0, nil, "simplerun", "--task-id", "long", "--", "true")
	h.wants(0, nil, "run", "--detach", "--task-id", "longer", h.file(one(m{"cmdline": "exec sleep 60"})))
	h.wants(0, nil, "kill", "--now", "longer")
	h.wants(3, nil, "wait", "longer")
}

func TestHugeCmdline(t *testing.T) {
	h := newHost(t)
	cmdline := "echo " + strings.Repeat("x", 1<<20)
	h.wants(100, []string{"cmdline", "131071"}, "run", h.file(one(m{"cmdline": cmdline})))
}

func TestNames(t *testing.T) {
	h := newHost(t)
	name := "näme with späces 🐳 %d 'quoted' $HOME"
	h.wants(0, []string{name}, "run", "--task-id", "names", h.file(one(m{"name": name, "cmdline": "echo hello from $DEWAR_PROCESS"})))
	h.wants(0, []string{"hello from " + name}, "tail", "names", name)
	h.wants(0, []string{name}, "why", "names", name)
	h.wants(0, nil, "graph", "names")
	for _, bad := range []string{"", ".", "..", ".hidden", "a/b", "a\nb", "a\x00b", strings.Repeat("n", 201)} {
		h.wants(100, []string{"name"}, "run", h.file(one(m{"name": bad, "cmdline": "true"})))
	}
}

func TestTenThousand(t *testing.T) {
	needs.Root(t) // once is enough
	h := newHost(t)
	processes := make([]m, 10_000)
	for i := range processes {
		processes[i] = m{"name": fmt.Sprintf("p%d", i), "argv": []string{"/bin/true"}}
	}
	file := h.file(m{"name": "many", "processes": processes, "max_concurrency": 64})
	h.wants(0, nil, "run", "--detach", "--task-id", "many", file)
	h.wants(0, nil, "wait", "many")
	code, out := h.dewar("read", "many")
	if code != 0 {
		t.Fatalf("dewar read: exit status %d: %s", code, out)
	}
	h.wants(0, []string{"10000", "SUCCESS"}, "status", "many")
}
