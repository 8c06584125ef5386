package disk

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchTellsAFreshOverrun(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/.logs/web/0/stdout", 10_000)
	w := NewWatch(t.Context(), dir, 1<<20)
	defer w.Close()
	first := <-w.Told()
	if first.Over || first.Err != nil || first.Files != 5 {
		t.Fatalf("at first: %+v", first)
	}
	write(t, dir+"/big", 2<<20)
	grown := time.Now()
	for told := range withinAMinute(t, w) {
		if !told.Over {
			continue
		}
		if told.Bytes < 2<<20 || told.Begun.Before(grown) {
			t.Errorf("over: %+v", told)
		}
		t.Logf("told %v after it went over its limit", time.Since(grown))
		return
	}
}

// withinAMinute is what w tells until then, when t fails. On an idle
// machine 10 s are enough: TestPaceFindsAnOverrunInTime.
func withinAMinute(t *testing.T, w *Watch) func(func(Told) bool) {
	return func(yield func(Told) bool) {
		late := time.After(time.Minute)
		for {
			select {
			case told := <-w.Told():
				if !yield(told) {
					return
				}
			case <-late:
				t.Error("it was not told within a minute")
				return
			}
		}
	}
}

// In a bubble time passes when all sleep: the walks are real, their pauses not.
func TestWatchConfirmsAndForgets(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/big", 2<<20)
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		w := NewWatch(t.Context(), dir, 1<<20)
		if told := <-w.Told(); told.Over || !told.Usage.Over(1<<20) {
			t.Errorf("the first walk proves nothing: %+v", told)
		}
		if told := <-w.Told(); !told.Over {
			t.Errorf("the second confirms it: %+v", told)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("two walks of a small tree took %v", took)
		}
		must(t, os.Truncate(dir+"/big", 0))
		if told := <-w.Told(); told.Over || told.Usage.Over(1<<20) {
			t.Errorf("it has shrunk: %+v", told)
		}
		must(t, os.Truncate(dir+"/big", 0))
		w.Close()
	})
}

func TestWatchReplacesWhatNobodyTook(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch(t.Context(), dir, 0)
		defer w.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		told := <-w.Told()
		if age := time.Since(told.Finished); age > period {
			t.Errorf("the figure is %v old", age)
		}
	})
}

func TestWatchSaysWhatItCannotWalk(t *testing.T) {
	dir := t.TempDir() + "/none"
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch(t.Context(), dir, 1)
		defer w.Close()
		if told := <-w.Told(); !errors.Is(told.Err, os.ErrNotExist) || told.Over {
			t.Errorf("nothing to walk: %+v", told)
		}
		must(t, os.Mkdir(dir, 0o755))
		if told := <-w.Told(); told.Err != nil || told.Files != 1 {
			t.Errorf("it is there now: %+v", told)
		}
	})
}
