package watch

import (
	"hash/fnv"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
)

// place is where in its interval a question is asked, by the boot clock.
func place(task string, q Question) time.Duration {
	h := fnv.New64a()
	for _, name := range []string{task, q.Process, q.Check} {
		h.Write([]byte(name)) // never fails
		h.Write([]byte{0})
	}
	return time.Duration(mix(h.Sum64()) % uint64(max(1, q.Interval)))
}

// mix lets each bit depend on all others: names that differ in their last
// letter have FNV hashes that differ little.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// slide is the part of an interval by which a turn comes later at the most, so
// that it comes to its place.
const slide = 8

// next is when the question is due after an attempt that has just ended, and how
// many turns are left out: those of which less than half was left.
func (s *subject) next(now time.Time, boot int64, o judge.Outcome) (due time.Time, missed int) {
	due = s.due.Add(s.Interval)
	if o == judge.OK {
		at := boot + int64(due.Sub(now))
		off := ((int64(s.place)-at)%int64(s.Interval) + int64(s.Interval)) % int64(s.Interval)
		due = due.Add(min(time.Duration(off), s.Interval/slide))
	}
	if late := now.Sub(due) - s.Interval/2; late > 0 {
		missed = int((late-1)/s.Interval) + 1
		due = due.Add(time.Duration(missed) * s.Interval)
	}
	return due, missed
}

// window is within what no more than three times the mean is begun.
const window = 10 * time.Millisecond

// pace keeps many questions from being asked at the same moment.
type pace struct {
	mean  float64     // attempts within the window
	begun []time.Time // within the last one
	spare time.Time   // when the next first attempt may be due
	free  time.Time   // until when nothing is begun; zero: now
}

func (p *pace) add(interval time.Duration)    { p.mean += float64(window) / float64(interval) }
func (p *pace) remove(interval time.Duration) { p.mean -= float64(window) / float64(interval) }

// first is when one more first attempt is due: now, unless there are many.
func (p *pace) first(now time.Time) time.Time {
	const least = 2
	at := later(now, p.spare)
	p.spare = at.Add(time.Duration(float64(window) / max(least, 2*p.mean)))
	return at
}

// begin says whether one more attempt may begin now, and counts it. If not, free
// is when.
func (p *pace) begin(now time.Time) bool {
	const least = 4
	n := 0
	for n < len(p.begun) && now.Sub(p.begun[n]) >= window {
		n++
	}
	p.begun = append(p.begun[:0], p.begun[n:]...)
	most := max(least, int(3*p.mean))
	if len(p.begun) >= most {
		p.free = p.begun[len(p.begun)-most].Add(window)
		return false
	}
	p.begun = append(p.begun, now)
	return true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
