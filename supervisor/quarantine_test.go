package supervisor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"golang.org/x/sys/unix"
)

// quarantined is a task with one running process whose files were hurt.
func quarantined(t *testing.T, hurt func(dir task.Dir)) (*world, shim.Status) {
	t.Helper()
	w := newWorld(t, tasks(sh("web", "exec sleep 1000")))
	w.start()
	w.untilStarted("web")
	s, err := client.ReadStatus(w.dir, task.RunID{Process: "web"})
	if err != nil {
		t.Fatal(err)
	}
	hurt(w.dir)
	w.kill9(w.dir.Lock())
	return w, s
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[at] ^= 0x40
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
}

// noFile puts something else into the place of a file: a directory with a file
// in it, a named pipe, or a link to a regular file.
func noFile(t *testing.T, path string, kind fs.FileMode) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	var err error
	switch kind {
	case fs.ModeDir:
		err = errors.Join(os.Mkdir(path, 0o750), os.WriteFile(filepath.Join(path, "text"), nil, 0o640))
	case fs.ModeNamedPipe:
		err = unix.Mkfifo(path, 0o640)
	case fs.ModeSymlink:
		err = errors.Join(os.WriteFile(path+".linked", nil, 0o640), os.Symlink(path+".linked", path))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestQuarantine(t *testing.T) {
	for name, c := range map[string]struct {
		hurt func(dir task.Dir)
		says string
	}{
		"a flipped bit":       {func(dir task.Dir) { flip(t, dir.Journal(), 20) }, "damaged at offset 0"},
		"an impossible fact":  {func(dir task.Dir) { rewriteBoot(t, dir, ""); repeat(t, dir) }, "at offset "},
		"an empty task.json":  {func(dir task.Dir) { os.Truncate(dir.TaskJSON(), 0) }, "nothing in it"},
		"a garbled task.json": {func(dir task.Dir) { flip(t, dir.TaskJSON(), 0) }, "read the launched task"},
		"a task.json of none": {func(dir task.Dir) { noFile(t, dir.TaskJSON(), fs.ModeDir) }, "task.json is not a regular file"},
		"a directory":         {func(dir task.Dir) { noFile(t, dir.Journal(), fs.ModeDir) }, "journal is not a regular file"},
		"a pipe":              {func(dir task.Dir) { noFile(t, dir.Journal(), fs.ModeNamedPipe) }, "journal is not a regular file"},
		"a link":              {func(dir task.Dir) { noFile(t, dir.Journal(), fs.ModeSymlink) }, "journal is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			w, run := quarantined(t, c.hurt)
			var status control.Status
			w.until("the task is in quarantine", func() bool {
				answer := w.ask(control.PathStatus, "", 200)
				if err := json.Unmarshal([]byte(answer), &status); err != nil {
					t.Fatal(err)
				}
				return status.Quarantine != ""
			})
			if !strings.Contains(status.Quarantine, c.says) || status.State != nil {
				t.Errorf("quarantine: %q, state %v", status.Quarantine, status.State)
			}
			w.ask(control.PathStop, `{"process":"web"}`, 409)
			if !shim.Alive(run.Pid, run.Start) {
				t.Error("the quarantine has ended the process")
			}
			before, err := os.Lstat(w.dir.Journal())
			if err != nil {
				t.Fatal(err)
			}
			noFile(t, filepath.Join(string(w.dir), Quarantined), fs.ModeDir) // and is in nobody's way
			w.kill9(w.dir.Lock())                                            // the next brain finds the same
			w.ask(control.PathKill, `{"grace":"10s","reason":"enough"}`, 200)
			finished := w.lastRecords()
			if shim.Alive(run.Pid, run.Start) {
				t.Error("the task is killed, and its process lives")
			}
			if f, ok := finished.(machine.Finished); !ok || f.State != machine.Killed || !strings.Contains(f.Reason, c.says) || !strings.Contains(f.Reason, "enough") {
				t.Errorf("the last record is %+v", finished)
			}
			if kept, err := os.Lstat(filepath.Join(string(w.dir), Quarantined)); err != nil || kept.Mode() != before.Mode() {
				t.Errorf("the journal that was set aside is not the one that there was: %v", err)
			}
		})
	}
}

// lastRecords waits for the end of a task in quarantine, and for its shim's.
func (w *world) lastRecords() machine.Record {
	w.Helper()
	w.until("its end is written", func() bool {
		entries := w.entries()
		if len(entries) == 0 {
			return false
		}
		_, ok := entries[len(entries)-1].Record.(machine.Finished)
		return ok
	})
	w.until("the shim has gone", func() bool { pid, err := shim.Holder(w.dir.ShimLock()); return err == nil && pid == 0 })
	entries := w.entries()
	return entries[len(entries)-1].Record
}

// repeat appends the journal's last record to it once more.
func repeat(t *testing.T, dir task.Dir) {
	t.Helper()
	content, err := os.ReadFile(dir.Journal())
	if err != nil {
		t.Fatal(err)
	}
	var last []byte
	for rest := content; len(rest) > 8; {
		n := 8 + int(rest[0])<<24 + int(rest[1])<<16 + int(rest[2])<<8 + int(rest[3])
		last, rest = rest[:n], rest[n:]
	}
	if err := os.WriteFile(dir.Journal(), append(bytes.Clone(content), last...), 0o640); err != nil {
		t.Fatal(err)
	}
}

// A brain that dies in the middle of a quarantine's end leaves no moment at
// which the task looks like one that is to be started, and the first journal
// is the one that is kept.
func TestQuarantineDiesAtEveryPoint(t *testing.T) {
	for point := 1; point <= 8; point++ {
		for what, hurt := range map[string]func(dir task.Dir){
			"journal":   func(dir task.Dir) { flip(t, dir.Journal(), 20) },
			"task.json": func(dir task.Dir) { flip(t, dir.TaskJSON(), 0) },
		} {
			t.Run(fmt.Sprint(what, point), func(t *testing.T) { quarantineDies(t, point, hurt) })
		}
	}
}

func quarantineDies(t *testing.T, point int, hurt func(dir task.Dir)) {
	crashed := t.TempDir() + "/crashed"
	w := newWorld(t, tasks(sh("web", tell+"exec sleep 1000")), "CRASH_AT="+fmt.Sprint(point), "CRASHED="+crashed)
	w.write(crashed, "") // not yet
	w.start()
	w.untilStarted("web")
	w.until("it tells", func() bool { return w.text("ran") != "" })
	hurt(w.dir)
	before, err := os.ReadFile(w.dir.Journal())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(crashed); err != nil {
		t.Fatal(err)
	}
	w.write(w.dir.Shutdown(), "grace=0\x00")
	w.kill9(w.dir.Lock())
	w.lastRecords()
	if ran := w.text("ran"); ran != "web/0\n" {
		t.Errorf("what ran: %q", ran)
	}
	kept, err := os.ReadFile(filepath.Join(string(w.dir), Quarantined))
	if err != nil || !bytes.Equal(kept, before) {
		t.Errorf("the journal that was set aside is not the one that there was (%d bytes, %d): %v", len(kept), len(before), err)
	}
}

// So it is when the journal is something that can have no second name.
func TestQuarantineOfADirectoryDiesAtEveryPoint(t *testing.T) {
	for point := 1; point <= 11; point++ {
		t.Run(fmt.Sprint(point), func(t *testing.T) {
			w := newWorld(t, tasks(sh("web", tell+"exec sleep 1000")), "CRASH_AT="+fmt.Sprint(point), "CRASHED="+t.TempDir()+"/crashed")
			noFile(t, w.dir.Journal(), fs.ModeDir)
			w.write(w.dir.Shutdown(), "grace=0\x00")
			w.start()
			w.lastRecords()
			if _, err := os.Lstat(filepath.Join(string(w.dir), Quarantined, "text")); err != nil || w.text("ran") != "" {
				t.Errorf("what ran: %q; the journal that was set aside: %v", w.text("ran"), err)
			}
		})
	}
}

// A kill in quarantine lets the processes end in order, for as long as its
// grace is, also when a brain dies meanwhile; a second kill may shorten it.
func TestQuarantineKillHasAGrace(t *testing.T) {
	const polite = `trap 'echo polite >> "$HOME/told"; exit 0' TERM; touch "$HOME/up"; while :; do sleep 0.01; done`
	const stubborn = `trap 'echo stubborn >> "$HOME/told"' TERM; touch "$HOME/up"; while :; do sleep 0.01; done`
	ask := func(request string) func(*world) {
		return func(w *world) { w.ask(control.PathKill, request, 200) }
	}
	for name, c := range map[string]struct {
		cmdline, told string
		kill, then    func(*world)
		atLeast       time.Duration
	}{
		"polite":       {cmdline: polite, told: "polite\n", kill: ask(`{}`)},
		"over":         {cmdline: stubborn, told: "stubborn\n", kill: ask(`{"grace":"700ms"}`), atLeast: 700 * time.Millisecond},
		"now":          {cmdline: polite, told: "", kill: ask(`{"grace":0}`)},
		"shortened":    {cmdline: stubborn, told: "stubborn\n", kill: ask(`{"grace":"1h"}`), then: ask(`{"grace":0}`)},
		"not extended": {cmdline: stubborn, told: "stubborn\n", kill: ask(`{"grace":"500ms"}`), then: ask(`{"grace":"1h"}`)},
		"a brain dies": {
			cmdline: stubborn, told: "stubborn\n", kill: ask(`{"grace":"2s"}`),
			then: func(w *world) { w.kill9(w.dir.Lock()) }, atLeast: 1900 * time.Millisecond, // the disk's clock is coarse
		},
		"a standing wish": {cmdline: polite, told: "polite\n", kill: func(w *world) {
			w.write(w.dir.Shutdown(), "grace=3000\x00")
			if err := unix.Kill(w.holder(w.dir.ShimLock()), unix.SIGTERM); err != nil {
				w.Fatal(err)
			}
		}},
		"a wish of long ago": {cmdline: stubborn, told: "", kill: func(w *world) {
			w.write(w.dir.Shutdown(), "grace=3600\x00")
			written := time.Now().Add(-2 * time.Hour)
			if err := os.Chtimes(w.dir.Shutdown(), written, written); err != nil {
				w.Fatal(err)
			}
			w.kill9(w.dir.Lock()) // the next brain finds it
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tasks(sh("web", c.cmdline)))
			w.start()
			w.until("it is up", func() bool { _, err := os.Stat(w.sandbox("up")); return err == nil })
			flip(t, w.dir.Journal(), 20)
			w.kill9(w.dir.Lock())
			w.ask(control.PathStatus, "", 200)
			begun := time.Now()
			c.kill(w)
			if c.then != nil {
				w.until("it is told", func() bool { return w.text("told") != "" })
				c.then(w)
			}
			w.lastRecords()
			if took := time.Since(begun); took < c.atLeast || took > 20*time.Second {
				t.Errorf("the kill took %v", took)
			}
			if w.text("told") != c.told {
				t.Errorf("it was told %q, want %q", w.text("told"), c.told)
			}
		})
	}
}

// Where nothing lives there is nobody to wait for, however long the grace.
func TestQuarantineKillOfNothing(t *testing.T) {
	w := newWorld(t, tasks(sh("web", tell+"exec sleep 1000")))
	noFile(t, w.dir.Journal(), fs.ModeDir)
	w.start()
	w.ask(control.PathKill, `{"grace":"1h"}`, 200)
	w.lastRecords()
	if w.text("ran") != "" {
		t.Errorf("what ran: %q", w.text("ran"))
	}
}

// What a run has left behind has the grace too, also when a brain dies
// meanwhile.
func TestQuarantineKillWaitsForStrays(t *testing.T) {
	w := newWorld(t, tasks(sh("web", `setsid sh -c 'trap "" TERM; touch "$HOME/up"; until [ -e "$HOME/go" ]; do sleep 0.01; done; echo late >> "$HOME/told"' &
		trap 'echo polite >> "$HOME/told"; exit 0' TERM; while :; do sleep 0.01; done`)))
	w.start()
	w.until("it is up", func() bool { _, err := os.Stat(w.sandbox("up")); return err == nil })
	flip(t, w.dir.Journal(), 20)
	w.kill9(w.dir.Lock())
	w.ask(control.PathKill, `{"grace":"1h"}`, 200)
	w.until("it has ended", func() bool {
		s, err := client.ReadStatus(w.dir, task.RunID{Process: "web"})
		return err == nil && s.State == shim.Ended && s.Left > 0
	})
	for range 10 { // by then the brain has heard the bell
		w.ask(control.PathStatus, "", 200)
	}
	w.kill9(w.dir.Lock())
	for range 10 {
		w.ask(control.PathStatus, "", 200)
	}
	w.write(w.sandbox("go"), "")
	w.lastRecords()
	if w.text("told") != "polite\nlate\n" {
		t.Errorf("it was told %q", w.text("told"))
	}
}

func TestNoTask(t *testing.T) {
	dir := task.Dir(t.TempDir())
	err := Run(t.Context(), Config{Dir: dir, ShimBinary: "/x", BrainBinary: "/y"})
	if want := "is no task's directory"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want that it %s", err, want)
	}
	if _, err := os.Lstat(dir.Journal()); !os.IsNotExist(err) {
		t.Errorf("a journal was made: %v", err)
	}
}
