package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

func TestWallsThatCannotBeBuilt(t *testing.T) {
	for name, c := range map[string]struct {
		isolation func(*task.Isolation)
		env, want string
	}{
		"no program": {private, "CONTAINER=/nonexistent/dewar-container", "build walls (isolation): /nonexistent/dewar-container is not there"},
		"no path":    {func(i *task.Isolation) { i.Hidden = []string{"/nonexistent"} }, "A=b", "build the walls of web/0: hide /nonexistent: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWalledWorld(t, c.isolation, tasks(sh("web", "touch ran")), c.env)
			w.start()
			s := w.finished()
			if got := ends(s); s.State != machine.Failed || len(got) != 1 || !strings.HasPrefix(got[0], "web/0 FAILED -1 0 "+c.want) {
				t.Errorf("%s: %q", s.State, got)
			}
			if fileExists(w.sandbox("ran")) {
				t.Error("the command was executed")
			}
			w.nothingLeft("")
		})
	}
}

func TestWallsOfAUser(t *testing.T) {
	needs.User(t)
	iso := task.DefaultIsolation()
	spec := tasks(sh("web", "touch ran"))
	spec.Isolation = &iso
	w := newWorld(t, spec)
	w.start()
	if got := ends(w.finished()); len(got) != 1 || !strings.HasPrefix(got[0], "web/0 FAILED -1 0 build walls (isolation): only root can") {
		t.Errorf("%q", got)
	}
}

const shell = "#!/bin/sh\n"

// builder is a program that stands for dewar-container, and builds nothing.
func builder(t *testing.T, script string) (env string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "builder")
	if err := os.WriteFile(path, []byte(script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return "CONTAINER=" + path
}

// However its program ends before the walls stand, the run could not be started.
func TestWallsOfABuilderThatEnds(t *testing.T) {
	const nothing = "web/0 FAILED -1 0 build the walls of web/0: dewar-container ended before they stood"
	for name, c := range map[string]struct{ script, want string }{
		"exit 0":       {shell + "exit 0", nothing},
		"exit 100":     {shell + "exit 100", nothing},
		"killed":       {shell + "kill -KILL $$", nothing},
		"its sentence": {shell + `echo "build the walls: no" > "$2/unstarted"; exit 111`, "web/0 FAILED -1 0 build the walls: no"},
		"no sentence":  {shell + `: > "$2/unstarted"`, "web/0 FAILED -1 0 build the walls of web/0: nothing says what went wrong"},
		"not executed": {"#!/nonexistent", `web/0 FAILED -1 0 execute "`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWalledWorld(t, host, tasks(sh("web", "true")), builder(t, c.script))
			w.start()
			if got := ends(w.finished()); len(got) != 1 || !strings.HasPrefix(got[0], c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Told to stop while its walls are built, a run has not failed.
func TestWallsKilledWhileBuilding(t *testing.T) {
	w := newWalledWorld(t, host, tasks(sh("web", "true")), builder(t, shell+"touch up; exec sleep 1000"))
	w.start()
	w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
	w.ask("/v1/kill", `{"grace":"30s"}`, 200)
	if got := ends(w.finished()); len(got) != 1 || got[0] != "web/0 KILLED -1 0 it was told to stop before it was started" {
		t.Errorf("%q", got)
	}
}

// A brain that comes later tells it, too.
func TestWallsUnstartedWithoutABrain(t *testing.T) {
	failing := filepath.Join(t.TempDir(), "failing")
	w := newWalledWorld(t, host, tasks(sh("web", "true")), "PANIC="+failing,
		builder(t, shell+`until [ -e go ]; do sleep 0.01; done; echo "no walls" > "$2/unstarted"; exit 3`))
	w.start()
	w.untilStarted("web")
	w.endWithoutBrain(failing, "web")
	if got := ends(w.finished()); len(got) != 1 || got[0] != "web/0 FAILED -1 0 no walls" {
		t.Errorf("%q", got)
	}
}

// endWithoutBrain has a run that waits for the file go end while no brain works.
func (w *world) endWithoutBrain(failing, process string) {
	w.Helper()
	w.write(failing, "")
	w.kill(w.holder(w.dir.Lock()))
	w.write(w.sandbox("go"), "")
	w.until("the run has ended", func() bool {
		s, err := client.ReadStatus(w.dir, task.RunID{Process: process})
		return err == nil && s.State == shim.Ended
	})
	if err := os.Remove(failing); err != nil {
		w.Fatal(err)
	}
}

// Under a limit that is too tight for the walls, the run could not be started;
// the figures are those of docs/writing-tasks.md.
func TestWallsUnderATightLimit(t *testing.T) {
	needGroups(t, "pids")
	p := sh("web", "exit 3")
	p.Resources = &task.Resources{Pids: 3}
	w := newWalledWorld(t, private, tasks(p))
	w.start()
	w.finished()
	if last := w.last("web"); last.State != machine.RunFailed || last.Exit != nil || last.Signal != 0 || !strings.Contains(last.Reason, "walls of web/0") {
		t.Errorf("%+v", last)
	}
	w.nothingLeft("")
}
