package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
)

// shims is a program of a shim that counts, in the file that it returns too,
// how often it was started. The first lives do as is said; the next is a shim.
func (w *world) shims(first string) (program, started string) {
	w.Helper()
	dir := w.TempDir()
	program, started = filepath.Join(dir, "shim"), filepath.Join(dir, "started")
	script := `#!/bin/sh
echo >> "` + started + `"
[ $(wc -l < "` + started + `") -gt ` + first + `
exec "` + shimBinary() + `" "$@"
`
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		w.Fatal(err)
	}
	return program, started
}

// A brain that starts a shim is the only one to know of the task until that
// shim keeps another: if it dies before, the brain starts the next at once.
func TestBrainStaysUntilItsShimKeepsAnother(t *testing.T) {
	w := newWorld(t, tasks(sh("web", tell+"true")))
	program, started := w.shims(`1 ] || exec "` + w.brain + `" payload stillborn "$1"`)
	begun := time.Now()
	if err := Run(t.Context(), Config{Dir: w.dir, ShimBinary: program, BrainBinary: executor()}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took >= Patience {
		t.Errorf("it took %v: the first shim was seen to die", took)
	}
	if text, err := os.ReadFile(started); err != nil || strings.Count(string(text), "\n") != 2 {
		t.Fatalf("the brain went when %d shims had been started (%v): the first died, the second lives", strings.Count(string(text), "\n"), err)
	}
	if s := w.finished(); s.State != machine.Success || w.text("ran") != "web/0\n" {
		t.Errorf("the task ended as %s: %s; what ran: %q", s.State, s.Reason, w.text("ran"))
	}
}

// A brain starts no shims for ever.
func TestBrainGivesUpOnStillbornShims(t *testing.T) {
	w := newWorld(t, tasks(sh("web", tell+"true")))
	program, started := w.shims(`5 ] || exec "` + w.brain + `" payload stillborn "$1"`)
	err := Run(t.Context(), Config{Dir: w.dir, ShimBinary: program, BrainBinary: executor()})
	if want := "start a shim 5 times: " + errNoBrainYet.Error(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if text, err := os.ReadFile(started); err != nil || strings.Count(string(text), "\n") != 5 {
		t.Errorf("%d shims were started (%v)", strings.Count(string(text), "\n"), err)
	}
}
