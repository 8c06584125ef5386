package disk

import (
	"context"
	"time"
)

// Told is what a Watch has to say after each walk.
type Told struct {
	Usage
	Over bool  // two walks in a row have found more than the limit
	Err  error // the directory could not be walked at all; Usage is empty then
}

// Watch walks a directory again and again.
type Watch struct {
	told chan Told
	stop context.CancelFunc
	done chan struct{}
}

// NewWatch begins to watch what a directory holds, until ctx is done or Close
// is called. The limit is in bytes, 0 is none; another limit is another Watch.
func NewWatch(ctx context.Context, dir string, limit int64) *Watch {
	ctx, stop := context.WithCancel(ctx)
	w := &Watch{told: make(chan Told, 1), stop: stop, done: make(chan struct{})}
	go w.run(ctx, dir, limit)
	return w
}

// Told is where the newest finding is: one that nobody took is replaced. It is
// never closed.
func (w *Watch) Told() <-chan Told { return w.told }

// Close ends the watch, and waits until nothing of it is left.
func (w *Watch) Close() {
	w.stop()
	<-w.done
}

func (w *Watch) run(ctx context.Context, dir string, limit int64) {
	defer close(w.done)
	defer w.stop()
	before := false
	for {
		begun := time.Now()
		u, err := Measure(ctx, dir)
		if ctx.Err() != nil {
			return
		}
		over := err == nil && u.Over(limit)
		t := Told{Usage: u, Over: over && before, Err: err}
		w.tell(t)
		if sleep(ctx, rest(u.CPU, time.Since(begun), over && !before)) != nil {
			return
		}
		before = over
	}
}

// tell is called by one goroutine only: after the take there is room.
func (w *Watch) tell(t Told) {
	select {
	case <-w.told:
	default:
	}
	w.told <- t
}
