// Package watch asks questions again and again: the half of health checks that
// knows the time.
//
//	Add ──▶ ┌────────────────────────────┐
//	Drop ─▶ │ one heap, one timer, whose │──▶ a goroutine for each attempt: Ask
//	        │ turn it is and when        │◀── the answer
//	        └────────────────────────────┘──▶ Bell, Take
//
// In come questions, each with an Asker of its own; out come answers with the
// moment at which each was there. What they mean is not known here (package
// healthcheck/judge), nor what follows from them.
//
// A question is first asked at once, then from start to start on its interval,
// and never twice at the same time: an attempt that is still running half an
// interval after the next one was due makes that one left out, and counted. Over
// attempts that come to "ok" its turn slides, never by more than an eighth of the
// interval and never ahead of time, to a place in the interval that is a hash of
// the names of task, process and check. So the checks of a machine that has just
// come up spread, whichever brains ask them, and keep their places when a brain is
// replaced. While answers are bad nothing slides: the time to a verdict is
// interval × attempts. Of many questions that are added together the first
// attempts are spread over half an interval, and no more than three times the mean
// are begun within any 10 ms.
//
// We may be slow ourselves: stopped, throttled, swapped out, or asleep with the
// whole machine. While an attempt runs the clock is looked at eight times in its
// timeout. If more than half of the timeout passes unseen between two looks, or
// had passed since the attempt was due, a "fail" of this attempt is
// "inconclusive", and says so. Other answers stand.
//
// Without questions there is neither a goroutine nor a timer. An attempt takes a
// goroutine for as long as it lasts.
//
// Deliberately absent: what an attempt does, verdicts, snoozing, the state of the
// target's groups, journals.
package watch
