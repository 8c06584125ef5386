package supervisor

import (
	"fmt"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// BenchmarkTakeUp kills a brain that drives 200 live processes, and waits until
// the next one answers.
func BenchmarkTakeUp(b *testing.B) {
	w, brain := idle(b, 200)
	b.ResetTimer()
	for range b.N {
		w.kill(brain)
		begun := time.Now()
		for {
			var s control.Status
			if err := control.Do(b.Context(), w.dir, control.PathStatus, nil, &s); err == nil && s.Pid != brain {
				brain = s.Pid
				break
			}
			if time.Since(begun) > patience {
				b.Fatal("no brain has come back")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// BenchmarkRuns is how long it takes to run 1,000 processes, 64 at a time.
func BenchmarkRuns(b *testing.B) {
	var processes []task.Process
	for i := range 1000 {
		p := sh(fmt.Sprintf("p%d", i), "")
		p.Argv = []string{"true"}
		processes = append(processes, p)
	}
	spec := tasks(processes...)
	spec.MaxConcurrency = 64
	for range b.N {
		benchmark(b, spec, 1000)
	}
}

// BenchmarkSequence is 100 processes, one after the other.
func BenchmarkSequence(b *testing.B) {
	var processes []task.Process
	for i := range 100 {
		p := sh(fmt.Sprintf("p%d", i), "")
		p.Argv = []string{"true"}
		if i > 0 {
			p.After = []task.Edge{after(processes[i-1].Name)}
		}
		processes = append(processes, p)
	}
	for range b.N {
		benchmark(b, tasks(processes...), 100)
	}
}

// BenchmarkFirstExec is the time from a brain's first instant to that of the
// first command.
func BenchmarkFirstExec(b *testing.B) {
	var takenUp, started, shimToBrain time.Duration
	for range b.N {
		w := newWorld(b, tasks(sh("first", "true")))
		w.brain = executor()
		begun := time.Now()
		w.start()
		w.finished()
		for _, e := range w.entries() {
			switch e.Record.(type) {
			case machine.TakenUp:
				shimToBrain += time.Duration(e.At.Wall - begun.UnixNano())
			case machine.Forking:
				takenUp += time.Duration(e.At.Wall - begun.UnixNano())
			case machine.Started:
				started += time.Duration(e.At.Wall - begun.UnixNano())
			}
		}
	}
	b.ReportMetric(float64(shimToBrain.Microseconds())/float64(b.N), "µs-to-taken-up")
	b.ReportMetric(float64(takenUp.Microseconds())/float64(b.N), "µs-to-forking")
	b.ReportMetric(float64(started.Microseconds())/float64(b.N), "µs-to-started")
}

func benchmark(b *testing.B, spec task.Task, runs int) {
	b.Helper()
	w := newWorld(b, spec)
	w.brain = executor()
	w.start()
	w.finishedAtOnce()
	var first, last int64
	for _, e := range w.entries() {
		if _, ok := e.Record.(machine.Created); ok {
			first = e.At.Boot
		}
		last = e.At.Boot
	}
	b.ReportMetric(float64(runs)/time.Duration(last-first).Seconds(), "runs/s")
}

// finishedAtOnce is finished without looking at the journal over and over,
// which would take time from what is measured.
func (w *world) finishedAtOnce() {
	w.Helper()
	w.holder(w.dir.ShimLock())
	w.until("shim and brain have gone", w.nobody)
}
