package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// needGroups skips a test where no task has groups, or not with a controller.
func needGroups(t testing.TB, controllers ...string) {
	t.Helper()
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	aside.Do(func() { stepAside(t, host) })
	if host.Mode == cgroup.None {
		t.Skip(needs.Prefix + "control groups: " + host.Why)
	}
	for _, c := range controllers {
		if !host.Controllers[c].Usable {
			t.Skip(needs.Prefix + "the controller " + c + ": " + host.Controllers[c].Why)
		}
	}
}

var aside sync.Once

// stepAside takes us out of a group of v2 that is to hand controllers down, for
// as long as the tests run. Who has made that group for them removes it.
func stepAside(t testing.TB, host cgroup.Host) {
	t.Helper()
	if others, err := host.Strangers(); err != nil || len(others) == 0 {
		return // or it is the root
	}
	place, err := host.Place("the tests")
	if err == nil {
		err = cgroup.Open(place).Make(os.Getpid())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tree is where the task's groups are.
func (w *world) tree() *cgroup.Tree {
	w.Helper()
	g, found, err := sandbox.ReadGroups(w.dir)
	if err != nil || !found || !g.Used() {
		w.Fatalf("the task has no groups: %+v, %v", g, err)
	}
	return cgroup.Open(g.Place)
}

// removeGroups removes what killed brains have left of the groups.
func (w *world) removeGroups() {
	g, found, err := sandbox.ReadGroups(w.dir)
	if err != nil || !found || !g.Used() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tree := cgroup.Open(g.Place)
	for _, group := range []cgroup.Group{tree.Task(), tree.Checks()} {
		if err := group.Kill(ctx); err != nil {
			w.Error(err)
		}
	}
	if err := tree.Remove(ctx); err != nil {
		w.Error(err)
	}
}

// noGroups says which directories of the task's groups are there, once the shims
// have ended: on v2 they stand in one.
func (w *world) noGroups() {
	w.Helper()
	for _, reaped := range w.reaped {
		select {
		case <-reaped:
		case <-time.After(patience):
			w.Fatal("a shim of the task does not end")
		}
	}
	place := w.tree().Place()
	if place.Mode == cgroup.V2 { // where ctl/ may outlive those who stood in it: see launch.Vacate
		w.removeGroups()
	}
	dirs := []string{place.Unified}
	for _, dir := range place.V1 {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		if _, err := os.Lstat(dir); dir != "" && !errors.Is(err, os.ErrNotExist) {
			w.Errorf("%s is there: %v", dir, err)
		}
	}
}

func contains(pids []int, pid int) bool {
	for _, p := range pids {
		if p == pid {
			return true
		}
	}
	return false
}

// Every process is in the leaf of its own, shim and brain are in neither, and
// when the task is over there is no group.
func TestGroups(t *testing.T) {
	needGroups(t)
	w := newWorld(t, tasks(sh("a", "touch up; exec sleep 1000"), sh("tasks ✓ cgroup.procs", "sleep 1000"), sh("checks", "sleep 1000")))
	w.start()
	for _, p := range []string{"a", "tasks ✓ cgroup.procs", "checks"} {
		w.untilStarted(p)
		last := w.last(p)
		pids, err := w.tree().Process(p).Procs()
		if err != nil || !contains(pids, last.Pid) {
			t.Errorf("%s has pid %d and its group %v, %v", p, last.Pid, pids, err)
		}
	}
	task, err := w.tree().Task().Procs()
	if err != nil || contains(task, w.holder(w.dir.ShimLock())) || contains(task, w.holder(w.dir.Lock())) {
		t.Errorf("the task's group has %v, %v", task, err)
	}
	ctl, err := w.tree().Ctl().Procs()
	if w.tree().Place().Mode == cgroup.V2 && (err != nil || !contains(ctl, w.holder(w.dir.ShimLock())) || !contains(ctl, w.holder(w.dir.Lock()))) {
		t.Errorf("ctl has %v, %v", ctl, err)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

// last is the latest run of a process.
func (w *world) last(process string) machine.Run {
	w.Helper()
	for _, p := range w.state().Processes {
		if p.Name == process && p.Last() != nil {
			return *p.Last()
		}
	}
	w.Fatalf("%s has not run", process)
	return machine.Run{}
}

// What has left the session, the environment and its parent is still the
// task's: after the shim's death it is gone before anything is called lost.
func TestGroupsOutliveTheShim(t *testing.T) {
	needGroups(t)
	w := newWorld(t, tasks(sh("a", `env -i setsid sh -c 'sleep 1000 & echo $! > pid; exec sleep 1000' & while [ ! -s pid ]; do sleep 0.01; done; touch up; exec sleep 1000`)))
	w.start()
	w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
	pid, err := strconv.Atoi(strings.TrimSpace(w.text("pid")))
	if err != nil {
		t.Fatal(err)
	}
	w.kill(w.holder(w.dir.Lock()))
	w.kill(w.holder(w.dir.ShimLock()))
	w.start()
	w.untilRecord("it is lost", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.State == machine.RunLost })
	if s, err := shim.ReadStat(pid); err == nil && !s.Dead() {
		t.Errorf("the run is lost, and %+v lives", s)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

func fileExists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestGroupsPids(t *testing.T) {
	needGroups(t, "pids")
	p := sh("bomb", `n=0; while [ $n -lt 60 ]; do sleep 1000 & n=$((n+1)); done; echo $n`)
	p.Resources = &task.Resources{Pids: 20}
	w := newWorld(t, tasks(p))
	w.start()
	if s := w.finished(); s.State != machine.Failed {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	if last := w.last("bomb"); !strings.Contains(last.Tail, "fork") && !strings.Contains(last.Tail, "esource") {
		t.Errorf("%+v", last)
	}
	w.noGroups()
}

// hog is a command line that takes more and more memory.
const hog = `x=0123456789abcdef; while :; do x=$x$x; done`

func TestGroupsOutOfMemory(t *testing.T) {
	needGroups(t, "memory")
	const limit = 32 << 20
	for name, c := range map[string]struct {
		oom        task.OOM
		own, whole task.Size
		level      machine.Level
		others     machine.RunState
		end        machine.TaskState
	}{
		"process":          {task.OOMProcess, limit, 0, machine.LevelProcess, machine.Running, machine.Active},
		"process, task's":  {task.OOMProcess, 0, limit, machine.LevelTask, machine.Running, machine.Active},
		"group":            {task.OOMGroup, limit, 0, machine.LevelProcess, machine.RunFailed, machine.Active},
		"group, task's":    {task.OOMGroup, 0, limit, machine.LevelTask, machine.RunFailed, machine.Active},
		"task, process' s": {task.OOMTask, limit, 0, machine.LevelProcess, machine.RunFailed, machine.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			middle := sh("middle", `while [ ! -e go ]; do sleep 0.01; done; `+hog)
			if c.own > 0 {
				middle.Resources = &task.Resources{RAM: c.own}
			}
			spec := tasks(sh("first", "exec sleep 1000"), middle, sh("last", "exec sleep 1000"))
			spec.MaxFailures, spec.OOM = 0, c.oom
			if c.whole > 0 {
				spec.Resources = &task.Resources{RAM: c.whole}
			}
			w := newWorld(t, spec)
			w.start()
			for _, p := range []string{"first", "middle", "last"} {
				w.untilStarted(p)
			}
			brain := w.holder(w.dir.Lock())
			w.write(w.sandbox("go"), "")
			w.untilRecord("middle has ended", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.Process == "middle" })
			run := w.last("middle")
			if run.OOM == nil || run.OOM.Limit != c.level || run.OOM.Bytes != limit || run.State != machine.RunFailed {
				t.Errorf("middle: %+v %+v", run, run.OOM)
			}
			if c.others == machine.RunFailed {
				for _, p := range []string{"first", "last"} {
					w.untilRecord(p+" has ended", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.Process == p })
				}
			}
			for _, p := range []string{"first", "last"} {
				// With oom=task the cleaning may come before the kernel's kill.
				if s := w.last(p).State; s != c.others && !(c.oom == task.OOMTask && s == machine.RunKilled) {
					t.Errorf("%s is %s, want %s", p, s, c.others)
				}
			}
			if c.others == machine.Running {
				if now := w.holder(w.dir.Lock()); now != brain {
					t.Errorf("the brain was the victim")
				}
				w.ask("/v1/kill", `{"grace":0}`, 200)
			}
			s := w.finished()
			if c.end == machine.Failed && (s.State != c.end || !strings.Contains(s.Reason, "out of memory")) {
				t.Errorf("%s: %s", s.State, s.Reason)
			}
			w.noGroups()
		})
	}
}

// A limit that the kernel refuses ends the task before it begins, with file,
// value and errno.
func TestGroupsDenied(t *testing.T) {
	needGroups(t, "cpuset")
	spec := tasks(sh("a", "touch up"))
	spec.Resources = &task.Resources{CPUSet: "4000-4001"}
	w := newWorld(t, spec)
	w.start()
	s := w.finished()
	if s.State != machine.Failed || !strings.Contains(s.Reason, "cpuset.cpus") || !strings.Contains(s.Reason, "4000-4001") {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	if fileExists(w.sandbox("up")) {
		t.Error("it was started all the same")
	}
	w.noGroups()
}

// Limits can be changed while the task runs, and last when brains die.
func TestGroupsResize(t *testing.T) {
	needGroups(t, "memory", "pids")
	p := sh("a", "touch up; exec sleep 1000")
	p.Resources = &task.Resources{RAM: 64 << 20}
	w := newWorld(t, tasks(p))
	w.start()
	w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
	limits := func() string {
		t.Helper()
		u, err := w.tree().Process("a").Usage()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(u.MemoryLimit>>20, u.PidsLimit)
	}
	w.ask("/v1/resize", `{"process":"a","limits":{"ram":"128MB","pids":77}}`, 200)
	if got := limits(); got != "128 77" {
		t.Errorf("limits %s", got)
	}
	if said := w.ask("/v1/resize", `{"process":"a","limits":{"ram":"4KB"}}`, 409); !strings.Contains(said, "ram") {
		t.Errorf("refused: %s", said)
	}
	if got := limits(); got != "128 77" {
		t.Errorf("after a refusal: limits %s", got)
	}
	w.ask("/v1/resize", `{"process":"nobody","limits":{"pids":3}}`, 409)
	w.kill(w.holder(w.dir.Lock()))
	w.ask("/v1/resize", `{"limits":{"pids":99}}`, 200)
	if got := limits(); got != "128 77" {
		t.Errorf("after a brain's death: limits %s", got)
	}
	if s := w.state(); s.Resized["a"].Pids != 77 || s.Resized[""].Pids != 99 {
		t.Errorf("the journal has %+v", s.Resized)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
}

// A pause stops everything, lasts when a brain dies, and ends with a kill.
func TestGroupsPause(t *testing.T) {
	needGroups(t)
	w := newWorld(t, tasks(sh("a", `while :; do echo x >> ticks; sleep 0.01; done`)))
	w.start()
	w.until("it ticks", func() bool { return len(w.text("ticks")) > 4 })
	w.ask("/v1/pause", `{}`, 200)
	w.ask("/v1/pause", `{}`, 409)
	stands := func() {
		t.Helper()
		frozen, err := w.tree().Task().Frozen()
		before := len(w.text("ticks"))
		if err != nil || !frozen || len(w.text("ticks")) != before {
			t.Errorf("frozen %v, %v", frozen, err)
		}
	}
	stands()
	w.kill(w.holder(w.dir.Lock()))
	w.ask("/v1/process/restart", `{"process":"a"}`, 409)
	stands()
	w.ask("/v1/unpause", `{}`, 200)
	at := len(w.text("ticks"))
	w.until("it ticks again", func() bool { return len(w.text("ticks")) > at })
	w.ask("/v1/pause", `{}`, 200)
	w.ask("/v1/kill", `{"grace":"30s"}`, 200)
	if s := w.finished(); s.State != machine.Killed {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	if run := w.last("a"); run.Signal != int(syscall.SIGTERM) {
		t.Errorf("it did not get its TERM: %+v", run)
	}
	w.noGroups()
}

// Limits that have no groups to hold them are kept by no one, and said to be so.
func TestNoGroups(t *testing.T) {
	w := newWorld(t, tasks(sh("a", "exec sleep 1000")))
	w.relaunch(func(l *task.Launch) { l.Groups, l.GroupsWhy = task.NoGroups, "nobody wanted any" })
	w.start()
	w.untilStarted("a")
	if said := w.ask("/v1/resize", `{"process":"a","limits":{"pids":3}}`, 409); !strings.Contains(said, "without control groups") {
		t.Error(said)
	}
	w.ask("/v1/pause", `{}`, 409)
	if g, found, err := sandbox.ReadGroups(w.dir); err != nil || !found || g.Used() || g.Why != "nobody wanted any" {
		t.Errorf("%+v, %v, %v", g, found, err)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
}

// relaunch changes the launch of a task that has not been started.
func (w *world) relaunch(change func(*task.Launch)) {
	w.Helper()
	data, err := os.ReadFile(w.dir.TaskJSON())
	if err != nil {
		w.Fatal(err)
	}
	l, err := task.ReadLaunch(data)
	if err != nil {
		w.Fatal(err)
	}
	change(&l)
	if data, err = l.Encode(); err != nil {
		w.Fatal(err)
	}
	w.write(w.dir.TaskJSON(), string(data))
}

// More on the disk than is allowed fails the task, and says how much it was.
func TestDisk(t *testing.T) {
	for action, end := range map[task.DiskAction]machine.TaskState{task.DiskFail: machine.Failed, task.DiskWarn: machine.Success} {
		t.Run(string(action), func(t *testing.T) {
			spec := tasks(sh("a", `head -c 3000000 /dev/zero > big; while [ ! -e go ]; do sleep 0.01; done`))
			spec.Resources = &task.Resources{Disk: 1 << 20}
			spec.DiskAction = action
			w := newWorld(t, spec)
			w.start()
			w.untilRecord("it is over", func(r machine.Record) bool {
				o, ok := r.(machine.OverDisk)
				return ok && o.Used > 2<<20 && o.Allowed == 1<<20
			})
			w.write(w.sandbox("go"), "")
			if s := w.finished(); s.State != end || end == machine.Failed && !strings.Contains(s.Reason, "1MB") {
				t.Errorf("%s: %s", s.State, s.Reason)
			}
			if u, found, err := sandbox.ReadDiskUsage(w.dir); err != nil || !found || u.Bytes < 2<<20 {
				t.Errorf("shown: %+v, %v, %v", u, found, err)
			}
		})
	}
}

// Of a second victim the others die, too; and who is started after a kill and
// ends by itself was no victim.
func TestGroupsOutOfMemoryTwice(t *testing.T) {
	needGroups(t, "memory")
	middle := sh("middle", `while [ ! -e go ]; do sleep 0.01; done; rm go; `+hog)
	middle.Resources = &task.Resources{RAM: 32 << 20}
	other := sh("other", `while [ ! -e over ]; do sleep 0.01; done; exit 7`)
	for _, p := range []*task.Process{&middle, &other} {
		p.MaxFailures, p.MinDuration = 3, task.Duration(time.Millisecond)
	}
	spec := tasks(middle, other)
	spec.MaxFailures, spec.OOM = 0, task.OOMGroup
	spec.Resources = &task.Resources{RAM: 512 << 20}
	w := newWorld(t, spec)
	w.start()
	for n := range 2 {
		for _, p := range []string{"middle", "other"} {
			w.begun(task.RunID{Process: p, Run: n})
		}
		w.write(w.sandbox("go"), "")
		for _, p := range []string{"middle", "other"} {
			e := w.ended(task.RunID{Process: p, Run: n})
			if e.Signal != 9 || e.OOM == nil {
				t.Errorf("%s has ended with %+v, %+v", p, e, e.OOM)
			}
		}
	}
	w.begun(task.RunID{Process: "other", Run: 2})
	w.write(w.sandbox("over"), "")
	if e := w.ended(task.RunID{Process: "other", Run: 2}); e.Exit == nil || *e.Exit != 7 || e.OOM != nil {
		t.Errorf("who ended by itself: %+v, %+v", e, e.OOM)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

// A run is not started while the group of the one before is being killed: it
// would die with it.
func TestGroupsRestart(t *testing.T) {
	needGroups(t)
	a := sh("a", `trap '' TERM; setsid sleep 1000 & echo $DEWAR_RUN > up; while :; do sleep 1000; done`)
	a.Daemon, a.MinDuration, a.StopTimeout = true, task.Duration(time.Millisecond), task.Duration(time.Millisecond)
	w := newWorld(t, tasks(a))
	w.start()
	for n := range 30 {
		w.until("the next is up", func() bool { return fileExists(w.sandbox("up")) && w.text("up") == fmt.Sprintln(n) })
		w.ask("/v1/process/restart", `{"process":"a"}`, 200)
		if e := w.ended(task.RunID{Process: "a", Run: n}); e.State != machine.RunKilled {
			t.Fatalf("run %d: %+v", n, e)
		}
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

// begun waits until a run has been started.
func (w *world) begun(id task.RunID) {
	w.Helper()
	w.untilRecord(id.String()+" was started", func(r machine.Record) bool {
		s, ok := r.(machine.Started)
		return ok && s.RunID == id
	})
}

// ended waits for a run's end.
func (w *world) ended(id task.RunID) (e machine.Ended) {
	w.Helper()
	w.untilRecord(id.String()+" has ended", func(r machine.Record) (ok bool) {
		e, ok = r.(machine.Ended)
		return ok && e.RunID == id
	})
	return e
}

// A limit that is refused ends the task also when a brain died before it could
// say so.
func TestGroupsDeniedToASecondBrain(t *testing.T) {
	needGroups(t, "cpuset")
	spec := tasks(sh("a", "touch up"))
	spec.Resources = &task.Resources{CPUSet: "4000-4001"}
	w := newWorld(t, spec)
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	place, err := host.Place(string(w.dir))
	if err != nil {
		t.Fatal(err)
	}
	g := sandbox.Groups{Place: place}
	if err := g.Write(w.dir); err != nil { // and that was all it could do
		t.Fatal(err)
	}
	w.start()
	if s := w.finished(); s.State != machine.Failed || !strings.Contains(s.Reason, "cpuset.cpus") {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	if fileExists(w.sandbox("up")) {
		t.Error("it was started all the same")
	}
	w.noGroups()
}

// What was paused when its shim died, with its brain or without, ends as well,
// on v1 too, where a kill does not reach what is frozen.
func TestGroupsPausedWithoutShim(t *testing.T) {
	needGroups(t)
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprint("brain too: ", both), func(t *testing.T) {
			w := newWorld(t, tasks(sh("a", "touch up; while :; do sleep 0.01; done")))
			w.start()
			w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
			w.ask("/v1/pause", `{}`, 200)
			if both {
				w.kill(w.holder(w.dir.Lock()))
			}
			w.kill(w.holder(w.dir.ShimLock()))
			if both {
				w.start()
			}
			w.untilRecord("it is lost", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.State == machine.RunLost })
			w.ask("/v1/kill", `{"grace":0}`, 200)
			w.finished()
			w.noGroups()
		})
	}
}
