package cgroup

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// groups makes n leaves with limits.
func groups(b *testing.B, n int) []Group {
	b.Helper()
	tr := tree(b)
	all := make([]Group, n)
	for i := range all {
		all[i] = tr.Process(strconv.Itoa(i))
		if err := all[i].Make(); err != nil {
			b.Fatal(err)
		}
	}
	return all
}

// 100 tasks of 3 processes: each operation is all 300.
func BenchmarkUsage300(b *testing.B) {
	all := groups(b, 300)
	b.Run("meters", func(b *testing.B) {
		meters := make([]*Meter, len(all))
		for i, g := range all {
			m, err := g.Meter(nil)
			if err != nil {
				b.Fatal(err)
			}
			meters[i] = m
			defer func() {
				if err := m.Close(); err != nil {
					b.Error(err)
				}
			}()
		}
		b.ReportAllocs()
		cpu(b, func() {
			for _, m := range meters {
				if _, err := m.Read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("opening", func(b *testing.B) {
		b.ReportAllocs()
		cpu(b, func() {
			for _, g := range all {
				if _, err := g.Usage(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// cpu reports the processor time of each round.
func cpu(b *testing.B, round func()) {
	b.Helper()
	spent := func() int64 {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return r.Utime.Nano() + r.Stime.Nano()
	}
	before, rounds := spent(), int64(0)
	for b.Loop() {
		round()
		rounds++
	}
	b.ReportMetric(float64(spent()-before)/float64(rounds)/1e6, "cpu-ms/op")
}

func BenchmarkKill(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 10000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			tr := tree(b)
			g := tr.Process("web")
			var took time.Duration
			rounds := 0
			for b.Loop() {
				b.StopTimer()
				if err := g.Make(); err != nil {
					b.Fatal(err)
				}
				s := start(b, g, fmt.Sprintf("family %d", n))
				b.StartTimer()
				begun := time.Now()
				if err := g.Kill(within(b, time.Minute)); err != nil {
					b.Fatal(err)
				}
				took += time.Since(begun)
				b.StopTimer()
				s.dies(b)
				rounds++
				b.StartTimer()
			}
			b.ReportMetric(float64(took.Milliseconds())/float64(rounds), "ms/kill")
		})
	}
}

// What a process of its own group costs over one without: making, limiting,
// entering, and removing the group.
func BenchmarkStart(b *testing.B) {
	limits := Limits{CPU: 0.5, RAM: 64 << 20, Pids: 100}
	b.Run("without", func(b *testing.B) {
		for b.Loop() {
			s := startOnly(b, tree0, "sleep")
			s.hear(b)
			b.StopTimer()
			if err := s.Process.Kill(); err != nil {
				b.Fatal(err)
			}
			s.dies(b)
			b.StartTimer()
		}
	})
	for _, pause := range []time.Duration{0, 200 * time.Millisecond} {
		name := "warm"
		if pause > 0 {
			name = "cold" // after a moment without any joining, who joins by cgroup.procs waits for a grace period again; the step does not
		}
		b.Run(name, func(b *testing.B) {
			tr := tree(b)
			g := tr.Process("web")
			for b.Loop() {
				b.StopTimer()
				time.Sleep(pause)
				b.StartTimer()
				if err := g.Make(); err != nil {
					b.Fatal(err)
				}
				if _, err := g.Limit(limits); err != nil {
					b.Fatal(err)
				}
				s := startOnly(b, g, "sleep")
				s.hear(b)
				b.StopTimer()
				if err := g.Kill(within(b, time.Minute)); err != nil {
					b.Fatal(err)
				}
				s.dies(b)
				if err := g.Remove(within(b, time.Minute)); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
	b.Run("make and limit", func(b *testing.B) {
		tr := tree(b)
		g := tr.Process("web")
		for b.Loop() {
			if err := g.Make(); err != nil {
				b.Fatal(err)
			}
			if _, err := g.Limit(limits); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := g.Remove(within(b, time.Minute)); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}

// tree0 is a group in no hierarchy.
var tree0 = Group{tree: Open(Place{}), path: "task"}
