package supervisor

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// idle starts a task of n sleeping processes under the real program.
func idle(t testing.TB, n int) (w *world, brain int) {
	t.Helper()
	var sleepers []task.Process
	for i := range n {
		p := sh(fmt.Sprintf("sleeper%d", i), "")
		p.Argv = []string{"sleep", "1000"}
		sleepers = append(sleepers, p)
	}
	w = newWorld(t, tasks(sleepers...))
	w.brain = executor()
	w.start()
	w.until("all of them sleep", func() bool {
		for _, p := range w.state().Processes {
			if p.State != machine.Running {
				return false
			}
		}
		return true
	})
	return w, w.holder(w.dir.Lock())
}

func TestIdleBrainSleeps(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes 12 s")
	}
	w, brain := idle(t, 50)
	shimPid := w.holder(w.dir.ShimLock())
	time.Sleep(2 * time.Second) // what follows a start dies away; nothing tells when
	beforeBrain, beforeShim := switches(t, brain), switches(t, shimPid)
	time.Sleep(10 * time.Second) // what is measured is time in which nothing happens
	n, m := switches(t, brain)-beforeBrain, switches(t, shimPid)-beforeShim
	t.Logf("context switches in 10 s with 50 sleeping processes: brain %d, shim %d", n, m)
	if n > 1 {
		t.Errorf("the brain was switched to %d times in 10 s, want 1 at most", n)
	}
}

// switches counts the context switches of all threads of a process.
func switches(t testing.TB, pid int) int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of %d: %v", pid, err)
	}
	sum := 0
	for _, file := range files {
		for key, value := range fields(t, file) {
			if strings.HasSuffix(key, "voluntary_ctxt_switches") {
				sum += value
			}
		}
	}
	return sum
}

// fields reads "key: number …" lines.
func fields(t testing.TB, path string) map[string]int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	values := make(map[string]int)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, rest, _ := strings.Cut(lines.Text(), ":")
		var n int
		if _, err := fmt.Sscan(rest, &n); err == nil {
			values[key] = n
		}
	}
	return values
}

func TestBrainIsSmall(t *testing.T) {
	for _, n := range []int{1, 50} {
		w, brain := idle(t, n)
		start := fields(t, fmt.Sprintf("/proc/%d/smaps_rollup", brain))
		for range 20 {
			w.ask(control.PathStatus, "", 200)
		}
		asked := fields(t, fmt.Sprintf("/proc/%d/smaps_rollup", brain))
		t.Logf("%d sleeping processes: brain %d kB (own %d kB), after 20 questions %d kB (own %d kB)",
			n, start["Pss"], start["Pss_Anon"], asked["Pss"], asked["Pss_Anon"])
		if asked["Pss"] > 3*10_000 {
			t.Errorf("the brain takes %d kB", asked["Pss"])
		}
	}
}
