package machine

import (
	"fmt"
	"math/bits"
	"os"
	"reflect"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/task"
)

// soak is how many times the usual number of repetitions is asked for.
func soak(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("DEWAR_SOAK"))
	if err != nil && os.Getenv("DEWAR_SOAK") != "" {
		t.Fatalf("DEWAR_SOAK: %v", err)
	}
	return max(1, n)
}

// draw is a number from least to most, all equally likely: rapid's own numbers
// are mostly small, and the tasks' lives would be short.
func draw(t *rapid.T, label string, least, most int) int {
	return least + rapid.Custom(func(t *rapid.T) int {
		n := 0
		for range bits.Len(uint(most-least)) + 3 {
			n <<= 1
			if rapid.Bool().Draw(t, "bit") {
				n++
			}
		}
		return n % (most - least + 1)
	}).Draw(t, label)
}

// one is one of several.
func one[T any](t *rapid.T, label string, of []T) T { return of[draw(t, label, 0, len(of)-1)] }

// tasks draws a small task: any graph that has no cycle, any rules.
func tasks(t *rapid.T) task.Task {
	seconds := func(name string, most int) task.Duration {
		return task.Duration(draw(t, name, 0, most) * 1e9)
	}
	def := task.Task{
		Name:             "t",
		MaxFailures:      one(t, "task max_failures", []int{0, 0, 1, 2, 3, 4}),
		MaxConcurrency:   one(t, "max_concurrency", []int{0, 0, 1, 2, 3}),
		FinalizationWait: seconds("finalization_wait", 20),
	}
	def.OOM = one(t, "oom", task.OOMs)
	def.DiskAction = one(t, "disk_action", task.DiskActions)
	if draw(t, "lifecycle", 0, 1) == 0 {
		def.Lifecycle = &task.Lifecycle{HTTP: &task.HTTPLifecycle{Port: "health",
			GracefulEndpoint: one(t, "graceful", []string{"/quit", "/quit", ""}), GracefulShutdownWait: seconds("graceful wait", 4),
			ShutdownEndpoint: "/abort", ShutdownWait: seconds("shutdown wait", 4)}}
	}
	if draw(t, "check", 0, 3) == 0 {
		c := aCheck(t, "health", task.Liveness, task.FailTask, task.NoAction)
		def.Check = &c
	}
	sometimes := func(name string, of int) bool { return draw(t, name, 0, of) == 0 }
	for i := range draw(t, "processes", 1, 8) {
		p := task.DefaultProcess()
		p.Name = fmt.Sprintf("p%d", i)
		p.MaxFailures = draw(t, "max_failures", 0, 3)
		p.Daemon, p.Ephemeral, p.Final, p.Leave = sometimes("daemon", 4), sometimes("ephemeral", 4), sometimes("final", 4), sometimes("leave", 3)
		p.MinDuration, p.ReadyTimeout, p.StopTimeout = seconds("min_duration", 4), seconds("ready_timeout", 8), seconds("stop_timeout", 8)
		if sometimes("pre_stop", 2) {
			p.PreStop = &task.PreStop{Cmdline: "bye", Timeout: seconds("pre_stop timeout", 6)}
		}
		if sometimes("backoff", 2) {
			p.Backoff = &task.Backoff{Max: seconds("backoff max", 12), Reset: seconds("backoff reset", 4)}
		}
		if !p.Final {
			p.Checks = someChecks(t)
		}
		for j := range i {
			if def.Processes[j].Final == p.Final && sometimes("edge", 3) {
				p.After = append(p.After, anEdge(t, def.Processes[j]))
			}
		}
		def.Processes = append(def.Processes, p)
	}
	return def
}

// anEdge draws an edge from a process.
func anEdge(t *rapid.T, from task.Process) task.Edge {
	e := task.Edge{Process: from.Name, When: one(t, "when", []task.When{task.WhenStarted, task.WhenReady, task.WhenHealthy, task.WhenSuccess, task.WhenExit})}
	if e.When == task.WhenHealthy && len(from.Checks) == 0 {
		e.When = task.WhenReady
	}
	if e.CanBeLost() {
		e.OnLost = one(t, "on_lost", task.OnLosts)
	}
	return e
}

// live lets a task live, at most so many events long, and ends it.
func live(t *rapid.T, events int) *world { return lead(t, tasks(t), events) }

func lead(t *rapid.T, def task.Task, events int) *world {
	w := newWorld(t, def)
	w.settle()
	for range draw(t, "events", events/6, events) {
		if w.m.terminal() {
			break
		}
		w.happen()
	}
	return w
}

// finish asks for the end and answers everything until it has come.
func (w *world) finish() {
	if w.m.terminal() {
		return
	}
	w.write(KillAsked{Grace: 5e9, By: "p"})
	w.settle()
	for range 100 + 40*len(w.task.Processes) {
		switch {
		case w.m.terminal():
			return
		case w.m.Clearing:
			w.cleared()
		default:
			boot, ok := w.m.Deadline()
			if !ok {
				w.t.Fatalf("a killed task has no deadline\n%s", w.story())
			}
			w.now = max(w.now, boot)
		}
		w.settle()
	}
	w.t.Fatalf("the task does not end\n%s", w.story())
}

// The machine decides what the reference decides, breaks none of the rules that
// the world checks, and comes to its end.
func TestProperties(t *testing.T) {
	for range 4 * soak(t) { // rapid makes 100 of each
		rapid.Check(t, func(t *rapid.T) { live(t, 150).finish() })
	}
}

// Every prefix of every journal comes to the state in which the live machine
// was, and on to the same end; so does a snapshot taken at any point, with what
// followed it.
func TestEveryPrefixRecovers(t *testing.T) {
	for range 2 * soak(t) {
		rapid.Check(t, func(t *rapid.T) {
			w := live(t, 80)
			w.finish()
			again := New(w.task)
			var snapshots []*Machine
			for i, e := range w.entries {
				if err := again.Replay(Encode(e.Seq, e.At, e.Record)); err != nil {
					t.Fatalf("record %d: %v", i, err)
				}
				again.SetFull(w.points[i].state.Full)
				same(t, "a replay", w.points[i], again)
				for _, m := range snapshots {
					if err := m.Apply(e.At, e.Record); err != nil {
						t.Fatalf("record %d after a snapshot: %v", i, err)
					}
					m.SetFull(again.full)
					same(t, "a snapshot and its tail", w.points[i], m)
				}
				if draw(t, "snapshot", 0, 9) == 0 {
					snapshots = append(snapshots, restored(t, w.task, again))
				}
			}
		})
	}
}

func restored(t *rapid.T, def task.Task, m *Machine) *Machine {
	records, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again := New(def)
	for _, r := range records {
		if err := again.Replay(Encode(m.Seq(), Instant{Boot: 5}, r)); err != nil {
			t.Fatal(err)
		}
	}
	return again
}

func same(t *rapid.T, what string, want point, m *Machine) {
	if got := m.State(); !reflect.DeepEqual(got, want.state) {
		t.Fatalf("%s comes to another state:\n%s", what, cmp.Diff(want.state, got))
	}
	if got := m.Decide(want.at); !reflect.DeepEqual(got, want.decide) {
		t.Fatalf("%s decides\n%v, not\n%v", what, got, want.decide)
	}
}
