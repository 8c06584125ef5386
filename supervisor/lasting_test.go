package supervisor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// heldTo are the limits of the task and of a process as the kernel has them.
func (w *world) heldTo(process string) string {
	w.Helper()
	var said []string
	for _, g := range []cgroup.Group{w.tree().Task(), w.tree().Process(process)} {
		u, err := g.Usage()
		if err != nil {
			w.Fatal(err)
		}
		said = append(said, fmt.Sprintf("%dMB %d", u.MemoryLimit>>20, u.PidsLimit))
	}
	return strings.Join(said, ", ")
}

// inodes are those of the task's directories: others are other groups.
func (w *world) inodes() (all []uint64) {
	w.Helper()
	place := w.tree().Place()
	dirs := []string{place.Unified, place.V1["memory"], place.V1["pids"], place.V1["cpu"]}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		info, err := os.Stat(dir + "/task")
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, info.Sys().(*syscall.Stat_t).Ino)
	}
	return all
}

// The limits of the task and of its processes, those of the file and those that
// people have asked for since, are in force while no brain lives, and the next
// one changes nothing of them.
func TestGroupsLimitsLast(t *testing.T) {
	needGroups(t, "memory", "pids", "cpu")
	a := sh("a", `while [ ! -e fork ]; do sleep 0.01; done; sh -c 'n=0; while [ $n -lt 60 ]; do sleep 1000 & n=$((n+1)); done'; exec sleep 1000`)
	a.Resources = &task.Resources{RAM: 64 << 20}
	b := sh("b", parent)
	spec := tasks(a, b)
	spec.Resources = &task.Resources{RAM: 256 << 20, Pids: 60, CPU: 1, CPUHard: 1}
	w := newWorld(t, spec)
	away := w.leash()
	w.start()
	w.untilStarted("a")
	w.untilStarted("b")
	w.holdsTo("a", "256MB 60, 64MB -1")
	w.ask("/v1/resize", `{"limits":{"ram":"48MB","pids":12}}`, 409) // a's own would be more than that
	w.ask("/v1/resize", `{"process":"a","limits":{"ram":"32MB"}}`, 200)
	w.ask("/v1/resize", `{"limits":{"ram":"48MB","pids":12}}`, 200)
	const want = "48MB 12, 32MB -1"
	w.holdsTo("a", want)
	groups := fmt.Sprint(w.inodes())

	w.sendAway(away)
	w.holdsTo("a", want)
	w.write(w.sandbox("go"), "")
	w.until("b's child has died", func() bool { return fileExists(w.sandbox("died")) })
	w.write(w.sandbox("fork"), "")
	w.until("a can fork no more", func() bool { return strings.Contains(w.text(".logs/a/0/stderr"), "fork") })
	w.holdsTo("a", want)
	w.remove(away)
	if r := w.thinned("b", 1); r.OOM.Limit != machine.LevelTask || r.OOM.Bytes != 48<<20 {
		t.Errorf("%+v", r)
	}
	w.holdsTo("a", want)
	if now := fmt.Sprint(w.inodes()); now != groups {
		t.Errorf("the groups are %s, they were %s", now, groups)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

func (w *world) holdsTo(process, want string) {
	w.Helper()
	if got := w.heldTo(process); got != want {
		w.Errorf("task and %s are held to %s, want %s", process, got, want)
	}
}

// After a restart of the machine there are no groups; they are made anew, with
// the limits that people had asked for, and runs go on in them.
func TestGroupsAfterReboot(t *testing.T) {
	needGroups(t, "memory", "pids")
	a := sh("a", "exec sleep 1000")
	a.Resources = &task.Resources{RAM: 64 << 20}
	spec := tasks(a)
	spec.Resources = &task.Resources{RAM: 256 << 20, Pids: 60}
	w := newWorld(t, spec)
	w.start()
	w.untilStarted("a")
	w.ask("/v1/resize", `{"process":"a","limits":{"ram":"32MB"}}`, 200)
	w.ask("/v1/resize", `{"limits":{"ram":"128MB","pids":50}}`, 200)
	w.reboot("another boot")
	w.start()
	w.begun(task.RunID{Process: "a", Run: 1})
	w.holdsTo("a", "128MB 50, 32MB -1")
	if e := w.ended(task.RunID{Process: "a", Run: 0}); e.State != machine.RunLost || e.OOM != nil {
		t.Errorf("%+v", e)
	}
	if pids, err := w.tree().Process("a").Procs(); err != nil || !contains(pids, w.last("a").Pid) {
		t.Errorf("in its group are %v, %v, and its pid is %d", pids, err, w.last("a").Pid)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.noGroups()
}

// reboot leaves of a task what a restart of the machine does: its directory, as
// one of another boot.
func (w *world) reboot(boot string) {
	w.Helper()
	shimPid, brainPid := w.holder(w.dir.ShimLock()), w.holder(w.dir.Lock())
	pause(w, brainPid)
	w.kill(shimPid)
	w.kill(brainPid)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, id := range everyRun(w.dir) {
		s, err := client.ReadStatus(w.dir, id)
		if err == nil {
			err = client.Bury(ctx, w.dir, w.id, []shim.Status{s})
		}
		if err != nil {
			w.Fatal(err)
		}
		s.Boot = boot
		w.write(w.dir.Status(id), string(s.Append(nil)))
	}
	w.removeGroups()
	g, _, err := sandbox.ReadGroups(w.dir)
	if err != nil {
		w.Fatal(err)
	}
	g.Place.Boot = boot
	if err := g.Write(w.dir); err != nil {
		w.Fatal(err)
	}
	rewriteBoot(w, w.dir, boot)
}
