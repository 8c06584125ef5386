package watch

import (
	"container/heap"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"golang.org/x/sys/unix"
)

// attempt is one that runs.
type attempt struct {
	late   time.Duration // how late we were with it ourselves
	begun  time.Time
	boot   int64
	seen   time.Time     // when we looked at the clock last
	unseen time.Duration // the longest time between two looks
}

// looks is how often the clock is looked at in the timeout of an attempt.
const looks = 8

// untilLook is how long after one look the next one comes.
func (s *subject) untilLook() time.Duration { return max(s.Timeout/looks, time.Millisecond) }

// begin begins the attempt that is due, with which we are so late ourselves.
func (w *Watch) begin(s *subject, now time.Time, late time.Duration) {
	if behind := now.Sub(s.due); behind >= s.Interval {
		n := behind / s.Interval
		s.missed += int(n)
		s.due = s.due.Add(n * s.Interval)
	}
	a := &attempt{late: late, begun: now, boot: w.boot(), seen: now}
	due, missed := s.due, s.missed
	s.attempt, s.missed = a, 0
	s.at = now.Add(s.untilLook())
	w.asking[s.key] = true
	w.running.Go(func() {
		begun := time.Now()
		answer := s.Asker.Ask(begun.Add(s.Timeout))
		w.end(s, Told{
			Process: s.Process, Check: s.Check, Run: s.Run, Answer: answer,
			At: time.Now(), Boot: w.boot(), Late: begun.Sub(due), Missed: missed,
		})
	})
}

// end takes an answer in.
func (w *Watch) end(s *subject, t Told) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.asking, s.key)
	if now := w.subjects[s.key]; now != s { // it was dropped
		if now != nil && now.waiting {
			now.waiting, now.at = false, t.At
			heap.Push(&w.queue, now)
			w.arm()
		}
		return
	}
	a := s.attempt
	s.attempt = nil
	a.look(t.At)
	t.Answer = a.fair(t, s.Timeout)
	w.told = append(w.told, t)
	w.ring()
	s.due, s.missed = s.next(t.At, t.Boot, t.Answer.Outcome)
	s.at = later(s.due, t.At)
	heap.Fix(&w.queue, s.index)
	w.arm()
}

func (a *attempt) look(now time.Time) {
	a.unseen = max(a.unseen, now.Sub(a.seen))
	a.seen = now
}

// least is below what no lateness is spoken of: what an Ask may take beyond its
// deadline, and some more.
const least = 75 * time.Millisecond

// fair is the answer, if it was our fault rather than the target's an
// inconclusive one.
func (a *attempt) fair(t Told, timeout time.Duration) healthcheck.Answer {
	if t.Answer.Outcome != judge.Fail {
		return t.Answer
	}
	most := max(timeout/2, least)
	asleep := time.Duration(t.Boot-a.boot) - t.At.Sub(a.begun)
	switch {
	case asleep > most:
		return Doubt(t.Answer, "this machine slept for "+short(asleep)+" while it asked")
	case a.unseen > most:
		return Doubt(t.Answer, "whoever asks was itself stopped or starved for "+short(a.unseen))
	case a.late > most:
		return Doubt(t.Answer, "whoever asks was itself late by "+short(a.late))
	}
	return t.Answer
}

// Doubt is a failure that says nothing of the target, and why.
func Doubt(failure healthcheck.Answer, why string) healthcheck.Answer {
	failure.Outcome = judge.Inconclusive
	failure.Reason = healthcheck.Clean(why + "; it seemed to fail: " + failure.Reason)
	return failure
}

func short(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

func bootTime() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return time.Now().UnixNano() // since 2.6.39 there is no such kernel
	}
	return t.Nano()
}
