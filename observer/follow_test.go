package observer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// deadline bounds waits for what must come.
const deadline = 20 * time.Second

// followed is a task that is followed in a goroutine of its own.
type followed struct {
	t       *testing.T
	changes chan Change
	err     error
	done    chan struct{}
	cancel  context.CancelFunc
	seen    []machine.Entry
}

// followTask follows until the task is over or the test is.
func followTask(t *testing.T, dir task.Dir) *followed {
	ctx, cancel := context.WithCancel(t.Context())
	f := &followed{t: t, changes: make(chan Change), done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(f.done)
		f.err = Follow(ctx, dir, func(c Change) (bool, error) {
			select {
			case f.changes <- c:
				return !c.View.Over(), nil
			case <-ctx.Done():
				return false, ctx.Err()
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-f.done
	})
	return f
}

// until waits for a Change that is what is waited for.
func (f *followed) until(what string, is func(Change) bool) Change {
	f.t.Helper()
	timeout := time.After(deadline)
	for {
		select {
		case c := <-f.changes:
			if c.First != (f.seen == nil) {
				f.t.Fatalf("first is %v after %d entries", c.First, len(f.seen))
			}
			f.seen = append(f.seen, c.Entries...)
			if f.seen == nil {
				f.seen = []machine.Entry{}
			}
			if is(c) {
				return c
			}
		case <-f.done:
			f.t.Fatalf("waiting until %s: follow has ended: %v", what, f.err)
		case <-timeout:
			f.t.Fatalf("waiting until %s in vain", what)
		}
	}
}

// ends waits for the end, and returns Follow's error.
func (f *followed) ends() error {
	f.t.Helper()
	timeout := time.After(deadline)
	for {
		select {
		case <-f.changes:
		case <-f.done:
			return f.err
		case <-timeout:
			f.t.Fatal("follow does not end")
		}
	}
}

func (f *followed) gapless() {
	f.t.Helper()
	for i, e := range f.seen {
		if e.Seq != uint64(i+1) {
			f.t.Fatalf("entry %d has number %d", i+1, e.Seq)
		}
	}
}

func TestFollowFromBeforeTheJournalToTheEnd(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"})
	f := followTask(t, w.dir)
	f.until("nothing is there", func(c Change) bool { return c.First && len(c.Entries) == 0 })
	w.begin()
	f.until("it is ACTIVE", func(c Change) bool { return c.View.State.State == machine.Active })
	w.start(run("a", 0))
	f.until("a runs", func(c Change) bool { return c.View.State.Processes[0].State == machine.Running })
	w.compact()
	w.compact()
	w.end(run("a", 0), 0)
	f.until("a has ended", func(c Change) bool { return c.View.State.Processes[0].State == machine.RunSuccess })
	w.finish()
	f.until("it is over", func(c Change) bool { return c.View.Over() })
	if err := f.ends(); err != nil {
		t.Error(err)
	}
	f.gapless()
	if n := w.machine.Seq(); uint64(len(f.seen)) != n {
		t.Errorf("%d entries of %d", len(f.seen), n)
	}
}

// TestFollowAnything follows while records are written, the journal is
// compacted, at any time and any speed: no entry is missed or told twice.
func TestFollowAnything(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a", Daemon: true}).begin()
	f := followTask(t, w.dir)
	var owned sync.WaitGroup
	owned.Go(func() {
		for i := range soak(300) {
			w.start(run("a", i))
			w.end(run("a", i), 0)
			if i%17 == 16 {
				w.compact()
			}
		}
		w.record(machine.KillAsked{By: "me"})
		w.finish()
	})
	f.until("it is over", func(c Change) bool { return c.View.Over() })
	owned.Wait()
	if err := f.ends(); err != nil {
		t.Error(err)
	}
	// Two compactions between two looks leave a gap, and a snapshot tells it.
	last := uint64(0)
	for _, e := range f.seen {
		_, snapshot := e.Record.(machine.Snapshot)
		if e.Seq != last+1 && !(snapshot && e.Seq > last) {
			t.Fatalf("%d (%s) after %d", e.Seq, machine.TypeOf(e.Record), last)
		}
		last = e.Seq
	}
	if last != w.machine.Seq() {
		t.Errorf("the last is %d of %d", last, w.machine.Seq())
	}
}

func TestFollowHearsOfKeepersAndFiles(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	pid, killBrain := hold(t, w.dir.Lock())
	_, killShim := hold(t, w.dir.ShimLock())
	f := followTask(t, w.dir)
	f.until("it is kept", func(c Change) bool { return c.View.Brain == pid && c.View.Shim != 0 })
	killBrain()
	f.until("its brain has died", func(c Change) bool { return c.View.Brain == 0 })
	w.file(w.dir.BrainFailing()+".next", fields("exit", "2", "count", "1", "wall", "1", "next", "2"))
	if err := os.Rename(w.dir.BrainFailing()+".next", w.dir.BrainFailing()); err != nil {
		t.Fatal(err)
	}
	f.until("it is failing", func(c Change) bool { return c.View.Failing != nil })
	w.file(w.dir.Shutdown(), fields("grace", "0"))
	f.until("it is to end", func(c Change) bool { return c.View.Wish != nil })
	if err := os.Remove(w.dir.BrainFailing()); err != nil {
		t.Fatal(err)
	}
	f.until("it is failing no more", func(c Change) bool { return c.View.Failing == nil })
	killShim()
	f.until("nobody keeps it", func(c Change) bool { return c.View.Orphaned() })
	f.cancel()
	if err := f.ends(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestFollowThroughQuarantine: the journal is damaged, set aside, and begun
// anew by the kill.
func TestFollowThroughQuarantine(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	w.start(run("a", 0))
	f := followTask(t, w.dir)
	f.until("a runs", func(c Change) bool { return c.View.State.Processes[0].State == machine.Running })
	damage(w, 20)
	later := followTask(t, w.dir)
	later.until("it is in quarantine", func(c Change) bool { return c.View.Quarantine != nil })
	if err := os.Rename(w.dir.Journal(), w.dir.Journal()+".quarantined"); err != nil {
		t.Fatal(err)
	}
	w.machine = machine.New(w.launch.Task)
	w.begin()
	w.record(machine.KillAsked{By: "me"})
	w.finish()
	for _, f := range []*followed{f, later} {
		f.until("it is over", func(c Change) bool { return c.View.Over() && c.View.Quarantine == nil })
		if err := f.ends(); err != nil {
			t.Error(err)
		}
	}
	later.gapless()
	created := 0
	for _, e := range f.seen {
		if _, ok := e.Record.(machine.Created); ok {
			created++
		}
	}
	if created != 2 {
		t.Errorf("the beginning was told %d times", created)
	}
}

func TestTheEndIsToldAtOnce(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	f := &following{fold: newFold(w.dir), changed: true, quiet: time.Now().Add(time.Hour)}
	defer f.fold.close()
	f.gather()
	if f.due(time.Now()) {
		t.Error("a change is told too early")
	}
	w.record(machine.KillAsked{By: "me"})
	w.finish()
	f.gather()
	if !f.due(time.Now()) {
		t.Error("the end is not told")
	}
}

func TestFollowEndsWithTheDirectory(t *testing.T) {
	for name, remove := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"renamed": func(dir string) error { return os.Rename(dir, dir+"+gone") },
	} {
		t.Run(name, func(t *testing.T) {
			w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
			f := followTask(t, w.dir)
			f.until("it is there", func(Change) bool { return true })
			if err := remove(string(w.dir)); err != nil {
				t.Fatal(err)
			}
			err := f.ends()
			if !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			says(t, "the end", err.Error(), "some-1", "removed")
		})
	}
	if err := Follow(t.Context(), "/nowhere/some-1", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestFollowReturnsTheCallersError(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	mine := errors.New("mine")
	if err := Follow(t.Context(), w.dir, func(Change) (bool, error) { return true, mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
	if err := Follow(t.Context(), w.dir, func(Change) (bool, error) { return false, nil }); err != nil {
		t.Error(err)
	}
}

// TestFollowGathers: a busy task is told in few changes, its end at once.
func TestFollowGathers(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a", Daemon: true}).begin()
	f := followTask(t, w.dir)
	f.until("it is there", func(Change) bool { return true })
	start := time.Now()
	changes := 0
	var owned sync.WaitGroup
	owned.Go(func() {
		for i := range 500 {
			w.start(run("a", i))
			w.end(run("a", i), 0)
		}
		w.record(machine.KillAsked{By: "me"})
		w.finish()
	})
	f.until("it is over", func(c Change) bool { changes++; return c.View.Over() })
	owned.Wait()
	took := time.Since(start)
	t.Logf("%d records in %d changes, %v", len(f.seen), changes, took)
	if most := 3 + int(took/gathering); changes > most {
		t.Errorf("%d changes, at most %d were due", changes, most)
	}
}
