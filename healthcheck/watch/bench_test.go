package watch

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
)

// instant is an Asker that costs nothing.
type instant struct{}

func (instant) Ask(time.Time) healthcheck.Answer { return healthcheck.Answer{Outcome: judge.OK} }
func (instant) Close() error                     { return nil }

func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWatch is what 1,000 questions once a second cost beside the asking,
// in one thread as in a brain: processor time of an attempt (ns/op), and how late
// attempts begin.
func BenchmarkWatch(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	questions := make([]Question, 1000)
	for i := range questions {
		questions[i] = question(fmt.Sprint(i), time.Second, time.Second, instant{})
	}
	w := New("t")
	defer w.Stop()
	w.Add(questions...)
	var late []time.Duration
	take := func(n int) {
		for done := 0; done < n; {
			<-w.Bell()
			told, _ := w.Take()
			for _, one := range told {
				late = append(late, one.Late)
			}
			done += len(told)
		}
	}
	take(len(questions)) // the first attempts are spread differently
	late = late[:0]
	before := cpuTime(b)
	b.ResetTimer()
	take(b.N)
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)*99/100])/1e6, "late-p99-ms")
}
