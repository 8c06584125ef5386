package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/soak"
	"github.com/google/go-cmp/cmp"
)

// tell makes a process note that a run of it has begun.
const tell = `echo "$DEWAR_PROCESS/$DEWAR_RUN" >> "$HOME/ran"; `

// waitForSide waits until the process that is stopped by the plan's end has
// told that it runs.
const waitForSide = `until grep -q side/0 "$HOME/ran"; do sleep 0.01; done`

// allSorts is a task with one process of each sort, and what must become of it.
func allSorts() (task.Task, []string) {
	first := sh("first", tell+"true")
	fails := sh("fails", tell+"echo alas >&2; exit 3")
	fails.MaxFailures = 2
	second := sh("second", tell+waitForSide)
	killed := sh("killed", tell+"kill -9 $$")
	for _, p := range []*task.Process{&fails, &second, &killed} {
		p.After = []task.Edge{{Process: "first", When: task.WhenSuccess}}
	}
	side := sh("side", tell+"exec sleep 1000")
	side.Ephemeral = true
	last := sh("last", tell+"exit 7")
	last.Final = true
	t := tasks(first, fails, second, killed, side, last)
	t.MaxFailures = 0
	return t, []string{
		"fails/0 FAILED 3 0 alas", "fails/1 FAILED 3 0 alas", "first/0 SUCCESS 0 0 ", "killed/0 FAILED -1 9 ",
		"last/0 FAILED 7 0 ", "second/0 SUCCESS 0 0 ", "side/0 KILLED -1 15 ",
	}
}

// runs says of each run how it ended.
func runs(s machine.State) []string {
	var lines []string
	for _, p := range s.Processes {
		for _, r := range p.History {
			exit := -1
			if r.Exit != nil {
				exit = *r.Exit
			}
			tail := r.Tail
			lines = append(lines, fmt.Sprintf("%s/%d %s %d %d %s", p.Name, r.Run, r.State, exit, r.Signal, tail))
		}
	}
	slices.Sort(lines)
	return lines
}

// names are the runs in lines of runs.
func names(lines []string) []string {
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	}
	return names
}

func (w *world) checkAllSorts(want []string) {
	w.Helper()
	s := w.finished()
	if s.State != machine.Success {
		w.Errorf("the task ended as %s: %s", s.State, s.Reason)
	}
	if diff := cmp.Diff(want, runs(s)); diff != "" {
		w.Error(diff)
	}
	for _, p := range s.Processes {
		for _, r := range p.History {
			if r.Pid == 0 || r.Started == (machine.Instant{}) || r.Ended.Boot < r.Started.Boot {
				w.Errorf("%s/%d: pid %d, started %+v, ended %+v", p.Name, r.Run, r.Pid, r.Started, r.Ended)
			}
		}
	}
	ran := strings.Fields(w.text("ran"))
	slices.Sort(ran)
	if diff := cmp.Diff(names(want), ran); diff != "" {
		w.Errorf("what ran: %s", diff)
	}
}

func TestAllSorts(t *testing.T) {
	spec, want := allSorts()
	w := newWorld(t, spec)
	w.start()
	w.checkAllSorts(want)
}

func TestBrainDiesAtEveryPoint(t *testing.T) {
	spec, want := allSorts()
	points := filepath.Join(t.TempDir(), "points")
	w := newWorld(t, spec, "POINTS="+points)
	w.start()
	w.checkAllSorts(want)
	counted, err := os.ReadFile(points)
	if err != nil || len(counted) < 40 {
		t.Fatalf("only %d points: %v", len(counted), err)
	}
	step := max(1, len(counted)/soak.Times(t, 20))
	soak.Note(t, "SIGKILL to the brain just before and after a journal write or a request", len(counted)/step, "every run and exit status as without it")
	for point := 1; point <= len(counted) && !t.Failed(); point += step {
		t.Run(strconv.Itoa(point), func(t *testing.T) {
			w := newWorld(t, spec, "CRASH_AT="+strconv.Itoa(point), "CRASHED="+filepath.Join(t.TempDir(), "crashed"))
			w.start()
			w.checkAllSorts(want)
		})
	}
}

// The brain dies again and again, at any moment, until the task has ended.
func TestBrainDiesOften(t *testing.T) {
	times := soak.Times(t, 2)
	deaths := 0
	for range times {
		deaths += dieOften(t)
	}
	soak.Note(t, "SIGKILL to the brain at a random moment", deaths, "every run and exit status as without it")
}

func dieOften(t *testing.T) (deaths int) {
	spec, want := allSorts()
	// The plan takes a second, so that brains die at all of its stages.
	spec.Processes[0].Cmdline = tell + "sleep 0.5"
	spec.Processes[2].Cmdline = tell + "sleep 0.5; " + waitForSide
	w := newWorld(t, spec)
	w.start()
	for {
		brain := 0
		w.until("a brain lives, or the task has ended", func() bool {
			pid, err := shim.Holder(w.dir.Lock())
			brain = pid
			return err == nil && pid != 0 || w.over()
		})
		if w.over() {
			break
		}
		w.kill(brain)
		deaths++
	}
	w.checkAllSorts(want)
	return deaths
}

func TestEndsWhileNoBrainLives(t *testing.T) {
	t.Parallel()
	p := sh("web", `touch "$HOME/up"; until [ -e "$HOME/go" ]; do sleep 0.01; done; exit 42`)
	w := newWorld(t, tasks(p), "DEWAR_BRAIN_RETRY=2s")
	w.start()
	w.until("it runs", func() bool { _, err := os.Stat(w.sandbox("up")); return err == nil })
	w.untilRecord("that is recorded", func(r machine.Record) bool { _, ok := r.(machine.Started); return ok })
	w.kill(w.holder(w.dir.Lock()))
	w.write(w.sandbox("go"), "")
	s := w.finished()
	if diff := cmp.Diff([]string{"web/0 FAILED 42 0 "}, runs(s)); diff != "" {
		t.Error(diff)
	}
	var taken, ended int64
	for _, e := range w.entries() {
		switch r := e.Record.(type) {
		case machine.TakenUp:
			taken = e.At.Boot
		case machine.Ended:
			ended = r.At.Boot
		}
	}
	if ended >= taken {
		t.Errorf("the run is said to have ended at %d, when the second brain lived (%d)", ended, taken)
	}
}

func after(process string) task.Edge { return task.Edge{Process: process, When: task.WhenSuccess} }

// A journal that is compacted again and again says the same of what is kept,
// and the directories of older runs are dropped.
func TestCompactedJournal(t *testing.T) {
	t.Parallel()
	p := sh("often", `[ $DEWAR_RUN -ne 3 ] || exit 9; [ $DEWAR_RUN -lt 60 ] || exit 1`)
	p.Daemon, p.MaxFailures = true, 2
	for name, env := range map[string][]string{"in peace": nil, "with deaths": {"CRASH_AT=150"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tasks(p), append(env, "COMPACT=10", "CRASHED="+filepath.Join(t.TempDir(), "crashed"))...)
			w.start()
			s := w.finished()
			often := s.Processes[0]
			if s.State != machine.Failed || often.Runs != 61 || often.Failures != 2 {
				t.Errorf("%s, %d runs, %d failures", s.State, often.Runs, often.Failures)
			}
			if n := len(w.entries()); n > 60 {
				t.Errorf("the journal has %d records", n)
			}
			var kept []int
			for _, r := range often.History {
				kept = append(kept, r.Run)
			}
			for _, dir := range []string{w.dir.Runs(), w.sandbox(".logs")} {
				var there []int
				entries, err := os.ReadDir(filepath.Join(dir, "often"))
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					n, _ := strconv.Atoi(e.Name())
					there = append(there, n)
				}
				slices.Sort(there)
				if diff := cmp.Diff(kept, there); diff != "" || len(kept) != 21 {
					t.Errorf("in %s: %s", dir, diff)
				}
			}
		})
	}
}
