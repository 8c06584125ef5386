package machine

import (
	"testing"
	"time"
)

// Deciding costs in proportion to the events, not to events times processes.
func TestCostGrowsWithEvents(t *testing.T) {
	for name, def := range map[string]func(n int) time.Duration{
		"wide":  func(n int) time.Duration { return fastest(func() { journal(t, wide(n, 64)) }) },
		"chain": func(n int) time.Duration { return fastest(func() { journal(t, chain(n)) }) },
	} {
		small, large := def(1000), def(10_000)
		t.Logf("%s: 1,000 processes take %v, 10,000 take %v", name, small, large)
		if large > 40*small {
			t.Errorf("%s: ten times the processes take %d times as long", name, large/small)
		}
		if large > 20*time.Second {
			t.Errorf("%s: 10,000 processes take %v", name, large)
		}
	}
}

func fastest(f func()) time.Duration {
	best := time.Hour
	for range 2 {
		start := cpuTime()
		f()
		best = min(best, cpuTime()-start)
	}
	return best
}

func TestReplayIsFast(t *testing.T) {
	def := wide(33_000, 64)
	payloads, _ := journal(t, def)
	took := fastest(func() {
		m := New(def)
		for _, p := range payloads {
			if err := m.Replay(p); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Logf("%d records take %v", len(payloads), took)
	if took > 6*time.Second {
		t.Errorf("%d records take %v", len(payloads), took)
	}
}
