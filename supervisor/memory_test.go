package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
	"golang.org/x/sys/unix"
)

// parent is a command line of a main process that lives on when its child takes
// too much memory, which it does when there is a file go.
const parent = `while [ ! -e over ]; do if [ -e go ]; then rm go; (` + hog + `); touch died; fi; sleep 0.01; done; rm over; exit 7`

// leash makes brains wait, before they do anything, for as long as there is a
// file away beside the task's directory.
func (w *world) leash() (away string) {
	w.Helper()
	parent := filepath.Dir(string(w.dir))
	away = filepath.Join(parent, "away")
	script := filepath.Join(parent, "brain.sh")
	w.write(script, fmt.Sprintf("#!/bin/sh\nwhile [ -e '%s' ]; do sleep 0.05; done\nexec '%s' \"$@\"\n", away, w.brain))
	if err := os.Chmod(script, 0o755); err != nil {
		w.Fatal(err)
	}
	w.brain = script
	return away
}

// sendAway kills the brain; none works then until the file away is removed.
func (w *world) sendAway(away string) {
	w.Helper()
	w.write(away, "")
	w.kill(w.holder(w.dir.Lock()))
}

func (w *world) remove(path string) {
	w.Helper()
	if err := os.Remove(path); err != nil {
		w.Fatal(err)
	}
}

// thinned waits until something of a run is said to have been killed.
func (w *world) thinned(process string, kills int) (r machine.Thinned) {
	w.Helper()
	w.untilRecord(fmt.Sprintf("of %s %d are said to have been killed", process, kills), func(record machine.Record) (is bool) {
		r, is = record.(machine.Thinned)
		return is && r.Process == process && r.OOM.Kills >= kills
	})
	return r
}

// A run whose child was killed for want of memory goes on, and that is told at
// once, by whoever comes first; how it ends later has nothing to do with it.
func TestGroupsOutOfMemoryOfAChild(t *testing.T) {
	needGroups(t, "memory")
	const limit = 32 << 20
	for level, whole := range map[machine.Level]bool{machine.LevelProcess: false, machine.LevelTask: true} {
		t.Run(string(level), func(t *testing.T) {
			p := sh("a", parent)
			p.MaxFailures, p.MinDuration = 9, task.Duration(time.Millisecond)
			spec := tasks(p)
			if resources := (&task.Resources{RAM: limit}); whole {
				spec.Resources = resources
			} else {
				spec.Processes[0].Resources = resources
			}
			w := newWorld(t, spec)
			away := w.leash()
			w.start()
			w.untilStarted("a")
			w.write(w.sandbox("go"), "")
			r := w.thinned("a", 1)
			if r.OOM.Limit != level || r.OOM.Bytes != limit || r.OOM.Kills != 1 {
				t.Errorf("%+v", r)
			}
			w.says("a", "1 of its processes was killed for want of memory", fmt.Sprintf("the limit of the %s, 32MB, was hit", level))

			w.sendAway(away)
			w.until("the first child has died", func() bool { return fileExists(w.sandbox("died")) })
			w.remove(w.sandbox("died"))
			w.write(w.sandbox("go"), "")
			w.until("the second child has died", func() bool { return fileExists(w.sandbox("died")) })
			w.remove(away)
			if r := w.thinned("a", 2); r.OOM.Kills != 2 {
				t.Errorf("%+v", r)
			}
			w.write(w.sandbox("over"), "")
			e := w.ended(task.RunID{Process: "a", Run: 0})
			if e.State != machine.RunFailed || e.Exit == nil || *e.Exit != 7 || e.OOM != nil {
				t.Errorf("it ended as %+v, %+v", e, e.OOM)
			}
			w.begun(task.RunID{Process: "a", Run: 1})
			w.says("a", "run 0 of a exited with status 7", "2 of its processes were killed for want of memory", "before its end")
			w.ask("/v1/kill", `{"grace":0}`, 200)
			w.finished()
			w.noGroups()
		})
	}
}

// A KILL that comes a while after a child's is not blamed on memory; that of the
// main process is.
func TestGroupsOutOfMemoryNotBlamed(t *testing.T) {
	needGroups(t, "memory")
	p := sh("a", parent)
	p.Resources, p.MaxFailures, p.MinDuration = &task.Resources{RAM: 32 << 20}, 9, task.Duration(time.Millisecond)
	w := newWorld(t, tasks(p))
	w.start()
	w.untilStarted("a")
	w.write(w.sandbox("go"), "")
	r := w.thinned("a", 1)
	at := w.state().Processes[0].Last().Thinned.At
	w.until("a while has passed", func() bool { return now().Boot-at.Boot > int64(1500*time.Millisecond) })
	if err := syscall.Kill(w.last("a").Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e := w.ended(r.RunID); e.Signal != killNumber || e.OOM != nil || e.State != machine.RunFailed {
		t.Errorf("it ended as %+v, %+v", e, e.OOM)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
}

// says holds the reasons that the journal gives for a process' state to some
// words.
func (w *world) says(process string, words ...string) {
	w.Helper()
	said := strings.Join(w.machine().Why(now(), process), "\n")
	for _, word := range words {
		if !strings.Contains(said, word) {
			w.Errorf("it is not said that %q:\n%s", word, said)
		}
	}
}

// Where all are to die with a victim, a child is one, too; and nobody escapes by
// forking meanwhile, whatever session it is in.
func TestGroupsOutOfMemoryForAll(t *testing.T) {
	needGroups(t, "memory")
	a := sh("a", parent)
	a.Resources = &task.Resources{RAM: 32 << 20}
	b := sh("b", `[ $DEWAR_RUN != 0 ] || setsid bash ./hop & exec sleep 1000`)
	for _, p := range []*task.Process{&a, &b} {
		p.MaxFailures, p.MinDuration, p.Leave = 9, task.Duration(time.Millisecond), true
	}
	spec := tasks(a, b)
	spec.MaxFailures, spec.OOM = 0, task.OOMGroup
	w := newWorld(t, spec)
	if err := os.MkdirAll(w.dir.Sandbox(), 0o755); err != nil {
		t.Fatal(err)
	}
	w.write(w.sandbox("hop"), "echo >> hops; setsid bash ./hop &\n")
	w.start()
	for _, p := range []string{"a", "b"} {
		w.begun(task.RunID{Process: p, Run: 0})
	}
	w.until("it hops", func() bool { return len(w.text("hops")) > 9 })
	brain := w.holder(w.dir.Lock())
	w.write(w.sandbox("go"), "")
	for _, p := range []string{"a", "b"} {
		if e := w.ended(task.RunID{Process: p, Run: 0}); e.Signal != killNumber || e.OOM == nil || e.State != machine.RunFailed {
			t.Errorf("%s: %+v, %+v", p, e, e.OOM)
		}
		w.begun(task.RunID{Process: p, Run: 1})
	}
	if pids, err := w.tree().Process("b").Procs(); err != nil || !slices.Equal(pids, []int{w.last("b").Pid}) {
		t.Errorf("in the group of b are %v, %v; its second run is %d", pids, err, w.last("b").Pid)
	}
	if now := w.holder(w.dir.Lock()); now != brain {
		t.Error("the brain was a victim")
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

// A group that the kernel does not let go of holds up nobody but the next run in
// it: the brain answers meanwhile.
func TestGroupsThatStay(t *testing.T) {
	needs.Root(t)
	needGroups(t)
	a := sh("a", "trap '' TERM; touch up; while :; do sleep 1000; done")
	a.MinDuration, a.StopTimeout = task.Duration(time.Millisecond), task.Duration(time.Millisecond)
	w := newWorld(t, tasks(a))
	w.start()
	w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
	letGo := w.hold("a")
	w.ask("/v1/process/restart", `{"process":"a"}`, 200)
	longest := time.Duration(0)
	for end := time.Now().Add(patience); !strings.Contains(w.brainLog(), "what was killed is not gone"); {
		start := time.Now()
		if err := control.Do(t.Context(), w.dir, control.PathStatus, nil, nil); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(start))
		if start.After(end) {
			t.Fatal("nothing stood in the way of the group's removal")
		}
	}
	if longest > vacateWithin/2 {
		t.Errorf("an answer took %v", longest)
	}
	t.Logf("the longest answer took %v", longest)
	if last := w.last("a"); last.Run != 1 || last.State != machine.Forked {
		t.Errorf("in a group that was killed is %+v", last)
	}
	letGo()
	w.begun(task.RunID{Process: "a", Run: 1})
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

// Nor does it hold up the burial of what a dead shim has left, and what comes
// after that.
func TestGroupsThatStayWithoutShim(t *testing.T) {
	needs.Root(t)
	needGroups(t)
	a := sh("a", "exec sleep 1000")
	a.MinDuration, a.MaxFailures = task.Duration(100*time.Millisecond), 0
	w := newWorld(t, tasks(a))
	w.start()
	w.untilStarted("a")
	letGo := w.hold("a")
	w.kill(w.holder(w.dir.ShimLock()))
	if e := w.ended(task.RunID{Process: "a", Run: 0}); e.State != machine.RunLost {
		t.Errorf("%+v", e)
	}
	letGo()
	w.untilRecord("it runs again", func(r machine.Record) bool {
		s, ok := r.(machine.Started)
		return ok && s.Run > 0
	})
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

// brainLog is what the brains have said.
func (w *world) brainLog() string {
	w.Helper()
	text, err := os.ReadFile(w.dir.BrainLog())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Fatal(err)
	}
	return string(text)
}

// hold keeps the kernel from letting go of the groups of a process: something is
// mounted there.
func (w *world) hold(process string) (letGo func()) {
	w.Helper()
	place := w.tree().Place()
	tops := slices.Collect(maps.Values(place.V1))
	if place.Unified != "" {
		tops = append(tops, place.Unified)
	}
	var held []string
	for _, top := range tops {
		dir := filepath.Join(top, "task", path.Base(w.tree().Process(process).String()))
		if fileExists(dir) && !slices.Contains(held, dir) {
			if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
				w.Fatal(err)
			}
			held = append(held, dir)
		}
	}
	letGo = sync.OnceFunc(func() {
		for _, dir := range held {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				w.Error(err)
			}
		}
	})
	w.Cleanup(letGo)
	return letGo
}
