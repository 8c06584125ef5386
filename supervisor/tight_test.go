package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/soak"
)

// Under limits that are hardly any, of its own or of the task's, a run is
// started, or could not be, or was killed for want of memory; never is there an
// exit status that nobody gave, or a word of ours in the user's log.
func TestGroupsTight(t *testing.T) {
	for name, c := range map[string]struct {
		controller string
		limits     task.Resources
		reason     string // of those that could not be started
	}{
		"pids":   {"pids", task.Resources{Pids: 1}, "fork: "},
		"memory": {"memory", task.Resources{RAM: 512 << 10}, ""},
		"cpu":    {"cpu", task.Resources{CPU: 0.01, CPUHard: 0.01}, ""},
	} {
		for _, whole := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " of the task"}[whole], func(t *testing.T) {
				needGroups(t, c.controller)
				p := sh("a", "")
				p.Argv = []string{"/bin/sh", "-c", "exit 7"}
				p.MaxFailures, p.MinDuration, p.Daemon = 0, task.Duration(time.Millisecond), true
				spec := tasks(p)
				if whole {
					spec.Resources = &c.limits
				} else {
					spec.Processes[0].Resources = &c.limits
				}
				times := 20
				if os.Getenv("DEWAR_LANE") != "" && os.Getenv("DEWAR_LANE") != "root" { // guests are slow
					times = 2
				}
				w := newWorld(t, spec)
				w.start()
				w.ended(task.RunID{Process: "a", Run: soak.Times(t, times) - 1})
				w.ask("/v1/kill", `{"grace":0}`, 200)
				w.finished()
				ends := map[string]int{}
				for _, e := range w.entries() {
					if e, ok := e.Record.(machine.Ended); ok && e.State != machine.RunKilled {
						ends[w.tightEnd(e, c.reason)]++
					}
				}
				t.Logf("%v", ends)
				w.readsNothingOfOurs()
				w.noGroups()
			})
		}
	}
}

// tightEnd is in one word how a run ended that has hardly any room; else it is
// an error.
func (w *world) tightEnd(e machine.Ended, reason string) string {
	w.Helper()
	switch {
	case e.State == machine.RunFailed && e.Exit != nil && *e.Exit == 7 && e.OOM == nil:
		return "started"
	case e.State == machine.RunFailed && e.Exit == nil && e.Signal == 0 && e.Reason != "" && (strings.Contains(e.Reason, reason) || e.OOM != nil):
		return e.Reason
	case e.Signal == killNumber && e.OOM != nil && e.OOM.Kills > 0:
		return "out of memory"
	}
	w.Errorf("it ended as %+v, %+v", e, e.OOM)
	return "otherwise"
}

// readsNothingOfOurs holds the logs of all runs to have no words of Go's runtime.
func (w *world) readsNothingOfOurs() {
	w.Helper()
	logs, err := filepath.Glob(filepath.Join(w.dir.Sandbox(), ".logs", "*", "*", "std*"))
	if err != nil || len(logs) == 0 {
		w.Fatalf("no logs: %v", err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			w.Fatal(err)
		}
		for _, word := range []string{"goroutine", "runtime", "panic", "dewar"} {
			if strings.Contains(string(text), word) {
				w.Errorf("the user reads in %s: %s", path, text)
			}
		}
	}
}
