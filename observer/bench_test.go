package observer

import (
	"fmt"
	"testing"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// BenchmarkRead reads a task whose journal has 100,000 records.
func BenchmarkRead(b *testing.B) {
	w := write(b, b.TempDir(), "some-1", task.Process{Name: "a", Daemon: true}).begin()
	for i := range 33_333 {
		w.start(run("a", i))
		w.end(run("a", i), 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v := mustRead(b, w.dir); v.State.Records < 100_000 {
			b.Fatal(v.State.Records)
		}
	}
}

// BenchmarkView views a task of many processes.
func BenchmarkView(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			processes := make([]task.Process, n)
			for i := range processes {
				processes[i].Name = fmt.Sprintf("p%d", i)
			}
			w := write(b, b.TempDir(), "some-1", processes...).begin()
			for _, p := range processes {
				w.record(machine.Forking{RunID: run(p.Name, 0)})
			}
			f := newFold(w.dir)
			defer f.close()
			if _, err := f.read(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				f.view(askKeepers(w.dir))
			}
		})
	}
}
