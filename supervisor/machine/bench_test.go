package machine

import (
	"fmt"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// journal is what a task of n processes that succeed writes, and its machine.
func journal(tb testing.TB, t task.Task) ([][]byte, *Machine) {
	tb.Helper()
	var payloads [][]byte
	m, now := New(t), Instant{Boot: 1e9, Wall: 1753e15}
	write := func(r Record) {
		payloads = append(payloads, Encode(m.Seq()+1, now, r))
		if err := m.Apply(now, r); err != nil {
			tb.Fatal(err)
		}
	}
	write(Created{ID: "bench-1", Name: t.Name, Format: 1})
	write(TakenUp{Pid: 1, Version: "v", BootID: "b"})
	for !m.terminal() {
		for d := m.Decide(now); len(d) > 0; d = m.Decide(now) {
			for _, d := range d {
				write(d.Record)
			}
		}
		now.Boot += 1e6
		if m.Clearing {
			write(Cleared{})
			continue
		}
		live := m.firstLive()
		if live == nil {
			break
		}
		write(Started{RunID: *live, Pid: 1234, Start: 567890, At: now})
		zero := 0
		write(m.Judge(now, Exit{RunID: *live, Exit: &zero, At: now, Rusage: Rusage{1e6, 2e6, 3 << 20}}))
	}
	if m.Phase() != Success {
		tb.Fatalf("the task is %s: %s", m.Phase(), m.Reason)
	}
	return payloads, m
}

func (m *Machine) firstLive() *task.RunID {
	i := m.alive.next(0)
	if i < 0 {
		return nil
	}
	id := m.procs[i].id(m.procs[i].live())
	return &id
}

func wide(n, concurrency int) task.Task {
	t := task.Task{Name: "wide", MaxFailures: 1, MaxConcurrency: concurrency, FinalizationWait: task.Duration(30 * time.Second)}
	for i := range n {
		p := task.DefaultProcess()
		p.Name = fmt.Sprintf("p%05d", i)
		t.Processes = append(t.Processes, p)
	}
	return t
}

func chain(n int) task.Task {
	t := wide(n, 0)
	var order []string
	for _, p := range t.Processes {
		order = append(order, p.Name)
	}
	t.Constraints = []task.Constraint{{Order: order}}
	return t
}

func BenchmarkReplay100k(b *testing.B) {
	t := wide(33_000, 64)
	payloads, _ := journal(b, t)
	b.Logf("%d records, %d bytes each", len(payloads), len(payloads[50_000]))
	b.ReportAllocs()
	for b.Loop() {
		m := New(t)
		for _, p := range payloads {
			if err := m.Replay(p); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// One daemon that ran 33,000 times.
func BenchmarkReplayDaemon100k(b *testing.B) {
	t := wide(1, 0)
	t.Processes[0].Daemon, t.Processes[0].MinDuration = true, 0
	var payloads [][]byte
	m, now := New(t), Instant{Boot: 1}
	write := func(r Record) {
		payloads = append(payloads, Encode(m.Seq()+1, now, r))
		if err := m.Apply(now, r); err != nil {
			b.Fatal(err)
		}
	}
	write(Created{Format: 1})
	for i := range 33_000 {
		id := task.RunID{Process: "p00000", Run: i}
		write(Forking{id})
		write(Started{RunID: id, Pid: 1, Start: 2})
		write(Ended{RunID: id, State: RunSuccess, Exit: new(int)})
	}
	for b.Loop() {
		m := New(t)
		for _, p := range payloads {
			if err := m.Replay(p); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	at := Instant{Boot: 1e12, Wall: 1753e15}
	for _, r := range examples()[2:10] {
		payload := Encode(1e6, at, r)
		b.Run(TypeOf(r), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(TypeOf(r)+" by encoding json", func(b *testing.B) {
			for b.Loop() {
				if _, err := decodeAny(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRun10000(b *testing.B) {
	for b.Loop() {
		journal(b, wide(10_000, 64))
	}
}

func BenchmarkChain1000(b *testing.B) {
	for b.Loop() {
		journal(b, chain(1000))
	}
}

// A thousand processes with a check each that are well.
func BenchmarkAnswer(b *testing.B) {
	t := wide(1000, 0)
	for i := range t.Processes {
		c := task.DefaultCheck()
		c.Name, c.Action = "live", task.Restart
		t.Processes[i].Checks = []task.Check{c}
	}
	m, now := New(t), Instant{Boot: 1}
	write := func(r Record) {
		Encode(m.Seq()+1, now, r)
		if err := m.Apply(now, r); err != nil {
			b.Fatal(err)
		}
	}
	write(Created{Format: 1})
	for _, p := range t.Processes {
		write(Forking{task.RunID{Process: p.Name}})
		write(Started{RunID: task.RunID{Process: p.Name}, Pid: 1})
	}
	asked := m.Asking()
	gathered := make([][]Answer, len(asked))
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % len(asked) {
		now.Boot += 1e6
		gathered[i] = append(gathered[i], Answer{At: now, Outcome: judge.OK, Phase: "body", Latency: 1e6})
		if r, ok := m.Consider(asked[i].CheckID, asked[i].Run, gathered[i]...); ok {
			write(r)
			gathered[i] = nil
		}
	}
}
