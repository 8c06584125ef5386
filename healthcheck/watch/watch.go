package watch

import (
	"container/heap"
	"sync"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
)

// Question is what is asked again and again.
type Question struct {
	Process, Check string // names; no two questions have the same two
	Run            int    // of whom it is asked
	Interval       time.Duration
	Timeout        time.Duration
	Asker          healthcheck.Asker // the Watch closes it when the question is dropped
}

// Told is an answer.
type Told struct {
	Process, Check string
	Run            int
	Answer         healthcheck.Answer
	At             time.Time     // when it was there
	Boot           int64         // likewise, CLOCK_BOOTTIME, nanoseconds
	Late           time.Duration // how long after its time the attempt began
	Missed         int           // attempts that were left out since the one before
}

// Watch asks. New makes one; all methods may be called from any goroutine.
type Watch struct {
	task string
	boot func() int64
	bell chan struct{} // of capacity 1

	mu       sync.Mutex
	subjects map[key]*subject
	queue    queue
	asking   map[key]bool // an attempt is running, if only one of a question that was dropped
	told     []Told
	errs     []error
	timer    *time.Timer // nil: nothing was ever asked
	armed    time.Time   // what it is set to; zero: nothing
	pace     pace
	stopped  bool
	running  sync.WaitGroup // attempts, and Close
}

type key struct{ process, check string }

// subject is a question and when it is its turn. All but the question is the
// lock's.
type subject struct {
	Question
	key
	place   time.Duration // in the interval, by the boot clock
	due     time.Time     // of the attempt that runs, or of the next one
	at      time.Time     // when it is looked at next
	index   int           // in the queue; -1: it is not there
	attempt *attempt      // that runs
	missed  int
	waiting bool // for the attempt of a question of the same name to end
}

// patience is how long Stop waits for attempts to end.
const patience = 50 * time.Millisecond

// New is a Watch of a task's questions.
func New(task string) *Watch {
	return &Watch{task: task, boot: bootTime, bell: make(chan struct{}, 1), subjects: make(map[key]*subject), asking: make(map[key]bool)}
}

// Bell rings when there is something to Take.
func (w *Watch) Bell() <-chan struct{} { return w.bell }

// Take is what has been answered since it was called last, in the order of the
// answers, and what went wrong when Askers were closed.
func (w *Watch) Take() ([]Told, []error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	told, errs := w.told, w.errs
	w.told, w.errs = nil, nil
	return told, errs
}

// Add begins to ask. A question with the names of an earlier one takes its place.
func (w *Watch) Add(questions ...Question) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range questions {
		w.drop(key{q.Process, q.Check})
		w.pace.add(q.Interval)
	}
	now := time.Now()
	for _, q := range questions {
		s := &subject{Question: q, key: key{q.Process, q.Check}, place: place(w.task, q)}
		if w.stopped {
			w.close(s)
			continue
		}
		s.due = w.pace.first(now)
		s.at = s.due
		w.subjects[s.key] = s
		heap.Push(&w.queue, s)
	}
	w.arm()
}

// Drop ends a question. An attempt that runs is ended, and its answer is never
// told; nor is one that was not yet taken.
func (w *Watch) Drop(process, check string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(key{process, check})
	w.arm()
}

func (w *Watch) drop(k key) {
	s, ok := w.subjects[k]
	if !ok {
		return
	}
	delete(w.subjects, k)
	w.pace.remove(s.Interval)
	if s.index >= 0 {
		heap.Remove(&w.queue, s.index)
	}
	kept := w.told[:0]
	for _, t := range w.told {
		if t.Process != k.process || t.Check != k.check {
			kept = append(kept, t)
		}
	}
	w.told = kept
	w.close(s)
}

// close closes the Asker of a question that is no longer asked.
func (w *Watch) close(s *subject) {
	w.running.Go(func() {
		if err := s.Asker.Close(); err != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.errs = append(w.errs, err)
			w.ring()
		}
	})
}

// Stop drops all questions and waits for what runs, but not for longer than
// 50 ms: false if something runs on until its deadline. Nothing can be added any
// more.
func (w *Watch) Stop() bool {
	w.mu.Lock()
	w.stopped = true
	for k := range w.subjects {
		w.drop(k)
	}
	w.arm()
	w.mu.Unlock()
	ended := make(chan struct{})
	go func() { w.running.Wait(); close(ended) }()
	select {
	case <-ended:
		return true
	case <-time.After(patience):
		return false
	}
}

func (w *Watch) ring() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

// arm sets the one timer to the first of the queue.
func (w *Watch) arm() {
	var first time.Time
	if len(w.queue) > 0 {
		first = later(w.queue[0].at, w.pace.free)
	}
	if first.Equal(w.armed) {
		return
	}
	w.armed = first
	switch {
	case first.IsZero():
		w.timer.Stop()
	case w.timer == nil:
		w.timer = time.AfterFunc(time.Until(first), w.wake)
	default: // it may ring once more for what it was set to before
		w.timer.Reset(time.Until(first))
	}
}

// wake does what is due.
func (w *Watch) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, armed := time.Now(), w.armed
	w.armed = time.Time{}
	for len(w.queue) > 0 && !w.queue[0].at.After(now) {
		s := w.queue[0]
		switch {
		case s.attempt != nil:
			s.attempt.look(now)
			s.at = now.Add(s.untilLook())
			heap.Fix(&w.queue, 0)
		case w.asking[s.key]:
			s.waiting = true
			heap.Pop(&w.queue)
		case !w.pace.begin(now):
			w.arm()
			return
		default:
			w.begin(s, now, now.Sub(later(s.at, armed)))
			heap.Fix(&w.queue, 0)
		}
	}
	w.pace.free = time.Time{}
	w.arm()
}

// queue is the subjects by when they are to be looked at.
type queue []*subject

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	s := x.(*subject)
	s.index = len(*q)
	*q = append(*q, s)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last], *q = nil, (*q)[:last]
	s.index = -1
	return s
}
