package disk

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Measure walks a directory once, slowly: see the package's comment for what it
// counts and what that costs. It takes 160 times the CPU time that it needs:
// nothing to speak of for a hundred files, minutes for a million.
//
// When ctx is done it ends within a slice, with what it has counted so far and
// ctx's cause.
func Measure(ctx context.Context, dir string) (Usage, error) {
	return measure(ctx, dir, func(w *walk) error { return w.pause(ctx) })
}

func measure(ctx context.Context, dir string, pause func(*walk) error) (Usage, error) {
	w := walk{begun: time.Now()}
	if err := w.run(ctx, dir, func() error { return pause(&w) }); err != nil {
		return w.usage(), fmt.Errorf("count what %s holds: %w", dir, err)
	}
	u := w.usage()
	u.Finished = time.Now()
	return u, nil
}

// Count is Measure for somebody who waits: it takes no longer than it must, and
// a whole CPU. It ends at once when ctx is done.
func Count(ctx context.Context, dir string) (Usage, error) {
	return measure(ctx, dir, func(*walk) error { return context.Cause(ctx) })
}

// walk is one walk over a tree, in slices.
type walk struct {
	tally tally
	begun time.Time
	cpu   time.Duration
}

func (w *walk) usage() Usage {
	u := w.tally.usage()
	u.Begun, u.CPU = w.begun, w.cpu
	return u
}

// run walks all of dir; between two slices it calls pause, and ends if that
// fails.
func (w *walk) run(ctx context.Context, dir string, pause func() error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var t *tree
	err := w.spend(func() error {
		var top found
		var err error
		if t, top, err = openTree(dir); err == nil {
			w.take(top)
		}
		return err
	})
	if err != nil {
		return err
	}
	defer t.close()
	for done := false; ; {
		_ = w.spend(func() error { // which does not fail
			done = w.slice(t)
			return nil
		})
		if done {
			return nil
		}
		if err := pause(); err != nil {
			return err
		}
	}
}

// slice goes on until the tree's end, or until it has used a slice of CPU time.
func (w *walk) slice(t *tree) (done bool) {
	const steps = 32 // between two looks at the clock, which is a system call
	until := threadCPU() + slice
	for {
		for range steps {
			if !w.take(t.step()) {
				return true
			}
		}
		if threadCPU() >= until {
			return false
		}
	}
}

// take counts what a step found, and says whether there is more.
func (w *walk) take(f found) bool {
	switch f.what {
	case file, folder:
		w.tally.add(f.node)
	case mounted:
		w.tally.mounts++
	case missed:
		if f.id != (fileID{}) {
			w.tally.add(f.node)
		}
		w.tally.miss(f.err)
	case nothing:
	case end:
		return false
	}
	return true
}

// spend adds the CPU time that work uses to the walk's.
func (w *walk) spend(work func() error) error {
	runtime.LockOSThread() // the clock is the thread's
	defer runtime.UnlockOSThread()
	from := threadCPU()
	defer func() { w.cpu += threadCPU() - from }()
	return work()
}

func (w *walk) pause(ctx context.Context) error {
	return sleep(ctx, owed(w.cpu, time.Since(w.begun)))
}

// threadCPU is the CPU time that this thread has used.
func threadCPU() time.Duration {
	var ts unix.Timespec
	// It cannot fail: the clock is there since Linux 2.6.12, and ts is ours.
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

// sleep waits, and says why it did not do so to the end.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return context.Cause(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
