package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// A process that cannot be started has failed with a sentence, and without an
// exit status.
func TestCannotStart(t *testing.T) {
	plain := t.TempDir() + "/plain"
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	stranger := "unknown user nosuch"
	for name, c := range map[string]struct {
		change func(*task.Process)
		says   []string
	}{
		"no such command": {func(p *task.Process) { p.Argv = []string{"nosuch-command"} }, []string{"nosuch-command", "no such file"}},
		"not executable":  {func(p *task.Process) { p.Argv = []string{plain} }, []string{plain, "permission denied"}},
		"an unknown user": {func(p *task.Process) { p.Argv = []string{"true"}; p.User = "nosuch" }, []string{stranger}},
		"a long name":     {func(p *task.Process) { p.Argv = []string{strings.Repeat("x", 100_000)} }, []string{"execute \"xxx"}},
		"too much in all": {func(p *task.Process) {
			p.Argv = append([]string{"true"}, slices.Repeat([]string{strings.Repeat("x", 100_000)}, 100)...)
		}, []string{"argument list too long"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := sh("web", "")
			c.change(&p)
			w := newWorld(t, tasks(p))
			w.start()
			s := w.finished()
			r := s.Processes[0].History[0]
			if s.State != machine.Failed || r.State != machine.RunFailed || r.Exit != nil || r.Signal != 0 {
				t.Errorf("%s, %+v", s.State, r)
			}
			for _, word := range c.says {
				if !strings.Contains(r.Reason, word) {
					t.Errorf("%q does not say %q", r.Reason, word)
				}
			}
			if len(r.Reason) > 2000 {
				t.Errorf("a sentence of %d bytes", len(r.Reason))
			}
		})
	}
}

// Each process runs as its own user, in a sandbox that the task's user owns.
func TestUsers(t *testing.T) {
	needs.Root(t)
	const say = `touch "$TMPDIR/$USER" && echo "$(id -un) $(id -G) $USER $LOGNAME $PWD" > "$TMPDIR/said-$DEWAR_PROCESS"`
	own, other := sh("own", say+` && touch "$HOME/mine"`), sh("other", say+` && ! touch "$HOME/yours" 2>/dev/null`)
	other.User = "daemon"
	spec := tasks(own, other)
	spec.User = "nobody"
	parent := t.TempDir()
	if err := os.Chmod(filepath.Dir(parent), 0o711); err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(t, parent, spec)
	w.start()
	if s := w.finished(); s.State != machine.Success {
		t.Errorf("the task ended as %s: %s", s.State, s.Reason)
	}
	for process, want := range map[string]string{"own": "nobody 65534 nobody nobody ", "other": "daemon 1 daemon daemon "} {
		if got := w.text(".tmp/said-" + process); got != want+w.dir.Sandbox()+"\n" {
			t.Errorf("%s: %q, want %q", process, got, want)
		}
	}
}
