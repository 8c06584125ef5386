package observer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

func TestConditions(t *testing.T) {
	for name, c := range map[string]struct {
		write    func(w *written)
		hold     func(d task.Dir) []string
		orphaned bool
		want     []string
	}{
		"nothing yet": {func(w *written) {}, nil, true, []string{"not begun, but nobody drives this task: dewar resume some-1"}},
		"begun":       {func(w *written) { w.begin() }, both, false, []string{"ACTIVE"}},
		"orphaned":    {func(w *written) { w.begin() }, nil, true, []string{"ACTIVE, but nobody drives this task: dewar resume some-1"}},
		"rebooted": {func(w *written) {
			w.begin()
			w.record(machine.TakenUp{Pid: 2, BootID: "another"})
		}, nil, true, []string{"the machine was rebooted", "dewar resume some-1"}},
		"only its shim":  {func(w *written) { w.begin() }, onlyShim, false, []string{"ACTIVE; its brain is being started"}},
		"only its brain": {func(w *written) { w.begin() }, onlyBrain, false, []string{"ACTIVE; its shim has died"}},
		"brain failing": {func(w *written) {
			w.begin()
			w.file(w.dir.BrainFailing(), fields("version", "1", "signal", "11", "count", "3", "wall", "5", "next", "6", "stderr", "panic: no\n", "end", "1"))
		}, onlyShim, false, []string{"ACTIVE, but no brain works (3 died; the last one died of signal 11); the processes go on"}},
		"to be ended": {func(w *written) {
			w.begin()
			w.file(w.dir.Shutdown(), fields("grace", "1.5", "by", "me", "reason", "enough", "wall", "7"))
		}, onlyShim, false, []string{"ACTIVE, to be ended"}},
		"kill asked": {func(w *written) {
			w.begin()
			w.record(machine.KillAsked{By: "me"})
		}, both, false, []string{"ACTIVE, to be killed"}},
		"ended": {func(w *written) {
			w.begin()
			w.start(run("a", 0))
			w.end(run("a", 0), 3)
			w.finish()
		}, nil, false, []string{"FAILED: process a failed for good"}},
		"damaged": {func(w *written) {
			w.begin()
			w.start(run("a", 0))
			damage(w, 20)
		}, both, false, []string{"in quarantine: journal", "damaged at offset 0", "dewar kill some-1"}},
		"without a task": {func(w *written) {
			w.begin()
			w.file(w.dir.TaskJSON(), nil)
		}, both, false, []string{"in quarantine", "task.json", "there is nothing in it"}},
		"not a task":                 {func(w *written) { w.gone() }, nil, false, []string{"not a task: no task.json"}},
		"a task.json that went away": {func(w *written) { w.gone() }, both, false, []string{"in quarantine", "task.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"})
			c.write(w)
			shimPid, brainPid := 0, 0
			if c.hold != nil {
				for _, path := range c.hold(w.dir) {
					pid, _ := hold(t, path)
					if path == w.dir.Lock() {
						brainPid = pid
					} else {
						shimPid = pid
					}
				}
			}
			v := mustRead(t, w.dir)
			says(t, "the condition", v.Condition(), c.want...)
			if v.Shim != shimPid || v.Brain != brainPid || v.Orphaned() != c.orphaned || v.Over() != (name == "ended") {
				t.Errorf("shim %d of %d, brain %d of %d, orphaned %v, over %v", v.Shim, shimPid, v.Brain, brainPid, v.Orphaned(), v.Over())
			}
			if len(v.Problems) != 0 || v.ID != "some-1" || v.Dir != w.dir {
				t.Errorf("%q of %s: %v", v.ID, v.Dir, v.Problems)
			}
		})
	}
}

// gone removes task.json.
func (w *written) gone() {
	w.t.Helper()
	if err := os.Remove(w.dir.TaskJSON()); err != nil {
		w.t.Fatal(err)
	}
}

func both(d task.Dir) []string      { return []string{d.Lock(), d.ShimLock()} }
func onlyShim(d task.Dir) []string  { return []string{d.ShimLock()} }
func onlyBrain(d task.Dir) []string { return []string{d.Lock()} }

func fields(pairs ...string) []byte {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		b = shim.AppendField(b, pairs[i], pairs[i+1])
	}
	return b
}

// damage changes one byte of the journal.
func damage(w *written, at int) {
	w.t.Helper()
	content, err := os.ReadFile(w.dir.Journal())
	if err != nil {
		w.t.Fatal(err)
	}
	content[at] ^= 1
	w.file(w.dir.Journal(), content)
}

func TestViewHoldsEverything(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}, task.Process{Name: "b c"}).begin()
	w.start(run("a", 0))
	w.start(run("b c", 0))
	w.end(run("a", 0), 0)
	w.file(w.dir.BrainFailing(), fields("version", "1", "exit", "2", "count", "3", "wall", "5", "next", "6", "stderr", "panic: no\n", "end", "1"))
	w.file(w.dir.Shutdown(), fields("grace", "1.5", "by", "me", "reason", "enough", "wall", "7"))
	status := shim.Status{State: shim.Running, Pid: 99, Boot: "this", Exit: -1, Signal: -1}
	if err := os.MkdirAll(w.dir.Run(run("b c", 0)), 0o711); err != nil {
		t.Fatal(err)
	}
	w.file(w.dir.Status(run("b c", 0)), status.Append(nil))

	v := mustRead(t, w.dir)
	if v.Launch == nil || v.Launch.Task.Processes[1].Name != "b c" {
		t.Errorf("the launch is %+v", v.Launch)
	}
	if got, want := fmt.Sprintf("%+v", v.State), fmt.Sprintf("%+v", w.machine.State()); len(got) != len(want) {
		t.Errorf("the state is\n%s, want\n%s", got, want)
	}
	if f := v.Failing; f == nil || *f != (Failing{Exit: 2, Count: 3, At: time.Unix(0, 5), Next: time.Unix(0, 6), Stderr: "panic: no\n"}) {
		t.Errorf("failing: %+v", f)
	}
	if got := v.Wish; got == nil || *got != (Wish{Grace: 1500 * time.Millisecond, By: "me", Reason: "enough", At: time.Unix(0, 7)}) {
		t.Errorf("the wish is %+v", got)
	}
	statuses := v.Statuses()
	if len(statuses) != 1 || statuses[0].RunID != run("b c", 0) || statuses[0].Status.Pid != 99 || statuses[0].Err != nil {
		t.Errorf("the statuses are %+v", statuses)
	}
	says(t, "why", strings.Join(v.Why(Now(), ""), "\n"), "ACTIVE")
	w.file(w.dir.Status(run("b c", 0)), []byte("garbage"))
	says(t, "a garbled status", v.Statuses()[0].Err.Error(), w.dir.Status(run("b c", 0)))
}

// TestUnusableFiles puts everything imaginable where a file should be. There
// is a sentence that names the file, and the task beside it is as it was.
func TestUnusableFiles(t *testing.T) {
	bad := map[string]func(path string) error{
		"empty":     func(p string) error { return os.WriteFile(p, nil, 0o640) },
		"zeros":     func(p string) error { return os.WriteFile(p, make([]byte, 5000), 0o640) },
		"text":      func(p string) error { return os.WriteFile(p, []byte("this is nothing"), 0o640) },
		"fields":    func(p string) error { return os.WriteFile(p, fields("count", "x", "grace", "y"), 0o640) },
		"json":      func(p string) error { return os.WriteFile(p, []byte(`{"version":1,"id":7}`), 0o640) },
		"future":    func(p string) error { return os.WriteFile(p, []byte(`{"version":2,"id":"x"}`), 0o640) },
		"fifo":      func(p string) error { return syscall.Mkfifo(p, 0o640) },
		"directory": func(p string) error { return os.Mkdir(p, 0o711) },
		"link":      func(p string) error { return os.Symlink("/etc/hostname", p) },
		"huge": func(p string) error {
			return errors.Join(os.WriteFile(p, nil, 0o640), os.Truncate(p, 1<<40))
		},
	}
	for kind, make := range bad {
		for _, file := range []string{"task.json", "journal", "brain-failing", "shutdown", "lock", "shim.lock"} {
			if (file == "lock" || file == "shim.lock") && kind != "link" || file == "journal" && kind == "huge" {
				continue // nobody reads what is in a lock; a hole of 1 TiB takes its time
			}
			t.Run(kind+" "+file, func(t *testing.T) {
				root := t.TempDir()
				w := write(t, root, "some-1", task.Process{Name: "a"}).begin()
				w.start(run("a", 0))
				fine := write(t, root, "some-2", task.Process{Name: "a"}).begin()
				path := filepath.Join(string(w.dir), file)
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
				if err := make(path); err != nil {
					t.Fatal(err)
				}
				all, err := List(root)
				if err != nil || len(all) != 2 {
					t.Fatalf("%d tasks, %v", len(all), err)
				}
				said := fmt.Sprint(all[0].Problems, all[0].Quarantine)
				says(t, file, said, map[bool]string{true: path}[!(file == "journal" && (kind == "empty" || kind == "zeros"))])
				if kind == "link" && !strings.HasSuffix(file, "lock") {
					says(t, file, said, "it is a link, which is not followed")
				}
				if (all[0].Quarantine != nil) != (file == "task.json" || file == "journal" && all[0].State.State == "" && len(all[0].Problems) == 0 && kind != "empty" && kind != "zeros") {
					t.Errorf("quarantine: %v", all[0].Quarantine)
				}
				if other := all[1]; other.Quarantine != nil || len(other.Problems) != 0 || other.Dir != fine.dir || other.State.State != machine.Active {
					t.Errorf("the other task: %+v", other)
				}
				all[0].Condition()
			})
		}
	}
}

// TestJournalCutOrChangedAtEveryByte: the state is that of a prefix of the
// records, or the offset is named.
func TestJournalCutOrChangedAtEveryByte(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a", MaxFailures: 3}).begin()
	w.start(run("a", 0))
	w.end(run("a", 0), 1)
	w.start(run("a", 1))
	whole, err := os.ReadFile(w.dir.Journal())
	if err != nil {
		t.Fatal(err)
	}
	look := func(what string) {
		v := mustRead(t, w.dir)
		var d *journal.Damaged
		if v.State.Records == w.machine.Seq() || v.Quarantine != nil && !errors.As(v.Quarantine, &d) {
			t.Fatalf("%s: %d records, %v", what, v.State.Records, v.Quarantine)
		}
		if d == nil && v.Torn == 0 && what[0] != 'c' {
			t.Fatalf("%s: %d records, and nothing is said", what, v.State.Records)
		}
		v.Why(Now(), "a")
		v.Condition()
	}
	for n := range len(whole) {
		w.file(w.dir.Journal(), whole[:n])
		look(fmt.Sprintf("cut to %d bytes", n))
		changed := append([]byte(nil), whole...)
		changed[n] ^= 0x10
		w.file(w.dir.Journal(), changed)
		look(fmt.Sprintf("byte %d changed", n))
	}
}

func TestRecordThatCannotBe(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	at := w.journal.Size()
	impossible := machine.Encode(3, machine.Instant{Boot: 1, Wall: 1}, machine.Started{RunID: run("a", 0), Pid: 1})
	if err := w.journal.Append(journal.Ordinary, impossible, []byte("not JSON")); err != nil {
		t.Fatal(err)
	}
	v := mustRead(t, w.dir)
	if v.Quarantine == nil || v.State.State != machine.Active || v.State.Records != 2 {
		t.Fatalf("%v, %s with %d records", v.Quarantine, v.State.State, v.State.Records)
	}
	says(t, "quarantine", v.Quarantine.Error(), fmt.Sprintf("offset %d of %s", at, w.dir.Journal()), "started")
}

// TestKilledInQuarantine: what a kill leaves behind is a finished task, whose
// task.json is still of no use.
func TestKilledInQuarantine(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"})
	w.machine = machine.New(task.Task{})
	w.begin()
	w.record(machine.KillAsked{By: "me"})
	w.finish()
	w.file(w.dir.TaskJSON(), []byte("{"))
	v := mustRead(t, w.dir)
	if !v.Over() || v.State.State != machine.Killed || v.Quarantine != nil || len(v.Problems) != 1 {
		t.Errorf("%s, %v, %v", v.State.State, v.Quarantine, v.Problems)
	}
}

func TestReadHeldKeepsTheLocks(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	for _, path := range both(w.dir) {
		l, err := shim.Lock(path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	v, err := ReadHeld(w.dir)
	if err != nil || v.State.State != machine.Active {
		t.Fatalf("%v, %v", v, err)
	}
	for _, path := range both(w.dir) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		out := output(t, exe, holdLocks+"="+path)
		says(t, "who wants the lock now", out, fmt.Sprintf("held by process %d", os.Getpid()))
	}
}

func TestNoDirectory(t *testing.T) {
	root := t.TempDir()
	if _, err := Read(task.Dir(filepath.Join(root, "none"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read nothing: %v", err)
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(task.Dir(file)); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read a file: %v", err)
	}
}

// TestListBesideRemoval lists tasks while they come, by one rename, and go,
// likewise: each that is seen is whole.
func TestListBesideRemoval(t *testing.T) {
	root := t.TempDir()
	var here []string
	for i := range 7 {
		here = append(here, string(write(t, root, fmt.Sprintf("some-%d", i), task.Process{Name: "a"}).begin().dir))
	}
	var owned sync.WaitGroup
	stop := make(chan struct{})
	owned.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			was, is := here[i%7], filepath.Join(root, fmt.Sprintf("some-%d", 7+i))
			if err := errors.Join(os.Rename(was, was+"+gone"), os.Rename(was+"+gone", is)); err != nil {
				t.Error(err)
				return
			}
			here[i%7] = is
		}
	})
	seen := 0
	for range soak(1000) {
		all, err := List(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			seen++
			if v.State.State != machine.Active || v.Quarantine != nil || len(v.Problems) != 0 {
				t.Fatalf("%s: %q, %v, %v", v.ID, v.State.State, v.Quarantine, v.Problems)
			}
		}
	}
	close(stop)
	owned.Wait()
	t.Logf("%d tasks seen", seen)
}

func TestRecords(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	if err := w.journal.Append(journal.Ordinary, []byte("not JSON"), []byte(`{"type":"of the future","seq":4}`)); err != nil {
		t.Fatal(err)
	}
	var types []string
	var errs []error
	end := int64(0)
	for r, err := range Records(w.dir) {
		if err != nil {
			errs = append(errs, err)
			types = append(types, string(r.Payload))
		} else {
			types = append(types, machine.TypeOf(r.Entry.Record))
		}
		if r.Offset != end {
			t.Errorf("a record at %d, want %d", r.Offset, end)
		}
		end = r.Offset + journal.FrameSize + int64(len(r.Payload))
	}
	if got := strings.Join(types, ", "); got != "created, taken up, not JSON, of the future" || len(errs) != 1 {
		t.Errorf("records %s, errors %v", got, errs)
	}
	damage(w, 20)
	errs = nil
	for r, err := range Records(w.dir) {
		var d *journal.Damaged
		if !errors.As(err, &d) || r.Payload != nil {
			t.Errorf("%q, %v", r.Payload, err)
		}
		errs = append(errs, err)
	}
	if len(errs) != 1 {
		t.Errorf("errors %v", errs)
	}
}
