package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
)

// target answers after a while, or when it is closed, and notes when it was
// asked.
type target struct {
	takes   func(n int) time.Duration // the nth time, from 0
	outcome judge.Outcome

	mu     sync.Mutex
	begun  []time.Time
	now    atomic.Int32
	twice  atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func takes(d time.Duration, o judge.Outcome) *target {
	return &target{takes: func(int) time.Duration { return d }, outcome: o, closed: make(chan struct{})}
}

func (s *target) Ask(deadline time.Time) healthcheck.Answer {
	if s.now.Add(1) > 1 {
		s.twice.Store(true)
	}
	defer s.now.Add(-1)
	s.mu.Lock()
	n := len(s.begun)
	s.begun = append(s.begun, time.Now())
	s.mu.Unlock()
	answer := healthcheck.Answer{Outcome: s.outcome}
	d := s.takes(n)
	if until := time.Until(deadline); d > until {
		d, answer = until, healthcheck.Answer{Outcome: judge.Fail, Reason: "no answer"}
	}
	select {
	case <-time.After(d):
		return answer
	case <-s.closed:
		return healthcheck.Answer{Outcome: judge.Fail, Reason: "closed"}
	}
}

func (s *target) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// after are the moments at which it was asked, from the first.
func (s *target) after() (all []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.begun {
		all = append(all, at.Sub(s.begun[0]))
	}
	return all
}

func question(check string, interval, timeout time.Duration, a healthcheck.Asker) Question {
	return Question{Process: "web", Check: check, Interval: interval, Timeout: timeout, Asker: a}
}

func seconds(all ...float64) (d []time.Duration) {
	for _, s := range all {
		d = append(d, time.Duration(s*float64(time.Second)))
	}
	return d
}

// While answers are bad, attempts begin one interval after the other, however
// long they take; one that is still running when most of the next one's time is
// over makes that one left out.
func TestStartToStart(t *testing.T) {
	for name, c := range map[string]struct {
		timeout, takes time.Duration
		begun          []time.Duration
		missed         int
	}{
		"quick":                  {time.Second, 100 * time.Millisecond, seconds(0, 10, 20, 30, 40), 0},
		"as long as the timeout": {9 * time.Second, time.Minute, seconds(0, 10, 20, 30, 40), 0},
		"timeout is interval":    {10 * time.Second, time.Minute, seconds(0, 10, 20, 30, 40), 0},
		"a little longer":        {12 * time.Second, time.Minute, seconds(0, 12, 24, 40, 52), 1},
		"much longer":            {17 * time.Second, time.Minute, seconds(0, 20, 40, 60, 80), 4},
		"longer than two":        {26 * time.Second, time.Minute, seconds(0, 30, 60, 90, 120), 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := takes(c.takes, judge.Fail)
				w := New("t")
				defer w.Stop()
				w.Add(question("live", 10*time.Second, c.timeout, target))
				var told []Told
				for len(told) < len(c.begun) {
					<-w.Bell()
					more, _ := w.Take()
					told = append(told, more...)
				}
				if got := target.after()[:len(c.begun)]; !slices.Equal(got, c.begun) || target.twice.Load() {
					t.Errorf("attempts began after %v (twice at once: %t), want %v", got, target.twice.Load(), c.begun)
				}
				missed := 0
				for _, one := range told {
					missed += one.Missed
					if one.Answer.Outcome != judge.Fail {
						t.Errorf("%+v", one)
					}
				}
				if missed != c.missed {
					t.Errorf("%d attempts were left out, want %d", missed, c.missed)
				}
			})
		})
	}
}

// What is well slides to its place, never ahead of its time, and another Watch
// asks it at the same place.
func TestPlace(t *testing.T) {
	const interval = 8 * time.Second
	var places []int64
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			target := takes(time.Millisecond, judge.OK)
			w := New("t")
			w.boot = func() int64 { return int64(time.Since(begin)) + int64(len(places))*int64(3*time.Second) }
			w.Add(question("live", interval, time.Second, target))
			time.Sleep(12 * interval)
			if !w.Stop() {
				t.Error("it did not stop")
			}
			after := target.after()
			for i, at := range after[1:] {
				if gap := at - after[i]; gap < interval || gap > interval+interval/8 || i >= 8 && gap != interval {
					t.Errorf("attempt %d began %v after the one before", i+1, gap)
				}
			}
			places = append(places, (int64(after[len(after)-1])+int64(len(places))*int64(3*time.Second))%int64(interval))
		})
	}
	if places[0] != places[1] {
		t.Errorf("the places in the interval are %v", places)
	}
}

// However many are added at once, and whatever their interval: no herd.
func TestHerd(t *testing.T) {
	const n = 2000
	for _, interval := range []time.Duration{time.Second, 10 * time.Second} {
		t.Run(interval.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				targets := make([]*target, n)
				questions := make([]Question, n)
				for i := range targets {
					targets[i] = takes(2*time.Millisecond, judge.OK)
					questions[i] = question(fmt.Sprint(i), interval, interval/2, targets[i])
				}
				w := New("t")
				begin := time.Now()
				w.Add(questions...)
				time.Sleep(10 * interval)
				w.Stop()
				bins := make(map[time.Duration]int)
				fullest := 0
				for _, target := range targets {
					if first := target.begun[0].Sub(begin); first > 3*interval/4 {
						t.Errorf("one was first asked after %v", first)
					}
					for i, at := range target.begun {
						bins[at.Sub(begin)/(10*time.Millisecond)]++
						if i > 0 && at.Sub(target.begun[i-1]) > interval+interval/4 {
							t.Errorf("%v passed between two attempts", at.Sub(target.begun[i-1]))
						}
					}
				}
				for _, count := range bins {
					fullest = max(fullest, count)
				}
				mean := n * float64(10*time.Millisecond) / float64(interval)
				if t.Logf("the mean is %.0f, the most %d", mean, fullest); float64(fullest) > 3*mean {
					t.Errorf("%d attempts began within 10 ms, %.0f do in the mean", fullest, mean)
				}
			})
		})
	}
}

// A question that takes another's place waits for its attempt to end, whose
// answer nobody hears.
func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := takes(time.Hour, judge.OK)
		stubborn := &stubborn{target: old}
		w := New("t")
		defer w.Stop()
		w.Add(question("live", time.Second, 5*time.Second, stubborn))
		time.Sleep(time.Second)
		next := takes(0, judge.OK)
		q := question("live", time.Second, time.Second, next)
		q.Run = 1
		w.Add(q)
		time.Sleep(time.Second)
		if len(next.after()) != 0 {
			t.Fatal("it is asked while the old one still is")
		}
		time.Sleep(4 * time.Second)
		told, _ := w.Take()
		if len(told) == 0 || len(next.after()) == 0 {
			t.Fatal("it is not asked")
		}
		for _, one := range told {
			if one.Run != 1 {
				t.Errorf("an answer of the old one was told: %+v", one)
			}
		}
		w.Drop("web", "live")
		synctest.Wait()
		if told, _ := w.Take(); len(told) > 0 || w.timer.Stop() {
			t.Errorf("of a question that was dropped there still are %v, or a timer", told)
		}
	})
}

// stubborn is a target that is not impressed by being closed, and says so.
type stubborn struct{ *target }

func (*stubborn) Close() error { return errors.New("cannot be closed") }

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New("t")
		if !w.Stop() {
			t.Error("a Watch without questions does not stop")
		}
		w = New("t")
		w.Add(question("polite", time.Second, 5*time.Second, takes(time.Hour, judge.OK)))
		w.Add(question("stubborn", time.Second, 5*time.Second, &stubborn{takes(time.Hour, judge.OK)}))
		time.Sleep(time.Second)
		begin := time.Now()
		if w.Stop() || time.Since(begin) != patience {
			t.Errorf("with an attempt that does not end, stopping took %v", time.Since(begin))
		}
		if _, errs := w.Take(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "cannot be closed") {
			t.Errorf("errors: %v", errs)
		}
		w.Add(question("late", time.Second, time.Second, takes(0, judge.OK)))
		time.Sleep(10 * time.Second) // and what is stubborn ends
		if told, _ := w.Take(); len(told) != 0 {
			t.Errorf("after its end it tells %v", told)
		}
	})
}

func TestFair(t *testing.T) {
	at := time.Now()
	for name, c := range map[string]struct {
		late, unseen, asleep time.Duration
		timeout              time.Duration
		said, want           judge.Outcome
	}{
		"in time":                 {10e6, 125e6, 0, time.Second, judge.Fail, judge.Fail},
		"begun late":              {510e6, 0, 0, time.Second, judge.Fail, judge.Inconclusive},
		"stopped":                 {0, 510e6, 0, time.Second, judge.Fail, judge.Inconclusive},
		"asleep":                  {0, 0, 510e6, time.Second, judge.Fail, judge.Inconclusive},
		"stopped, and ok":         {0, time.Minute, 0, time.Second, judge.OK, judge.OK},
		"stopped, misconfigured":  {0, time.Minute, 0, time.Second, judge.Misconfigured, judge.Misconfigured},
		"hardly, a short timeout": {70e6, 70e6, 0, 100e6, judge.Fail, judge.Fail},
		"half of a long one":      {0, 4e9, 0, 10 * time.Second, judge.Fail, judge.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			a := attempt{late: c.late, unseen: c.unseen, begun: at, boot: 5e9}
			told := Told{Answer: healthcheck.Answer{Outcome: c.said, Reason: strings.Repeat("é", 200)}, At: at.Add(time.Second), Boot: 6e9 + int64(c.asleep)}
			got := a.fair(told, c.timeout)
			if got.Outcome != c.want || len(got.Reason) > 256 && got.Outcome == judge.Inconclusive {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

// A timeout of almost nothing makes nobody look at the clock without end.
func TestNoTimeAtAll(t *testing.T) {
	w := New("t")
	w.Add(question("hasty", time.Hour, 1, &stubborn{takes(20*time.Millisecond, judge.OK)}))
	<-w.Bell()
	if told, errs := w.Take(); len(told) != 1 || errs != nil {
		t.Errorf("%+v, %v", told, errs)
	}
	w.Stop()
}
