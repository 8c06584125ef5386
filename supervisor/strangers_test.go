package supervisor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// ownGroup makes a group of v2 that hands no controllers down.
func ownGroup(t *testing.T) string {
	t.Helper()
	needGroups(t, "memory", "pids")
	if groupsPlace(t).Mode != cgroup.V2 {
		t.Skip(needs.Prefix + "v2")
	}
	dir, err := os.MkdirTemp(filepath.Dir(groupsPlace(t).Unified), "own-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// stranger is a process in a group.
func stranger(t *testing.T, dir string) (pid int) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

// startFrom is start as `dewar run` does it: from a group in which it stays, and
// which it has found to be its own.
func (w *world) startFrom(dir string) (launcher int) {
	w.Helper()
	content, err := os.ReadFile(w.dir.TaskJSON())
	if err != nil {
		w.Fatal(err)
	}
	l, err := task.ReadLaunch(content)
	if err == nil {
		l.Groups = task.AllGroups
		content, err = l.Encode()
	}
	if err != nil {
		w.Fatal(err)
	}
	w.write(w.dir.TaskJSON(), string(content))
	cmd := exec.Command("/bin/sh", "-c", `echo $$ > "$0/cgroup.procs" && { "$@" & wait; }`, dir, shimBinary(), string(w.dir), "--", w.brain, string(w.dir))
	cmd.Env, cmd.Dir, cmd.SysProcAttr = w.env, "/", &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() { cmd.Wait(); close(reaped) }()
	w.reaped = append(w.reaped, reaped)
	return cmd.Process.Pid
}

// Who has started the task has gone long ago, and nobody waits for its end: there
// is no group left all the same.
func TestGroupsOfADetachedTask(t *testing.T) {
	own := ownGroup(t)
	w := newWorld(t, tasks(sh("a", "while [ ! -e over ]; do sleep 0.1; done")))
	launcher := w.startFrom(own)
	w.untilStarted("a")
	if err := syscall.Kill(launcher, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-w.reaped[0]
	place := w.tree().Place()
	w.write(w.sandbox("over"), "")
	w.finished()
	w.until("the shim has ended", func() bool {
		pid, err := shim.Holder(w.dir.ShimLock())
		return err == nil && pid == 0
	})
	if _, err := os.Lstat(place.Unified); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there: %v", place.Unified, err)
	}
}

func procsOf(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// Who has started a task steps aside with its shim. Nobody else is moved, neither
// out of the group in which the task was started, nor out of that of somebody
// who wakes it.
func TestGroupsMoveNoStranger(t *testing.T) {
	own := ownGroup(t)
	w := newWorld(t, tasks(sh("a", "sleep 1000")))
	launcher := w.startFrom(own)
	w.untilStarted("a")
	if ctl, err := w.tree().Ctl().Procs(); err != nil || !slices.Contains(ctl, launcher) {
		t.Errorf("in ctl there are %v, %v: not %d, which has started the task", ctl, err, launcher)
	}
	other := ownGroup(t)
	passerby := strconv.Itoa(stranger(t, other))
	for _, pid := range []int{w.holder(w.dir.ShimLock()), w.holder(w.dir.Lock())} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	<-w.reaped[0]
	w.startFrom(other)
	w.until("the task is taken up", func() bool { return w.holder(w.dir.Lock()) != 0 })
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	if got := procsOf(t, other); !slices.Contains(got, passerby) {
		t.Errorf("in the group of who wakes the task there are %v, not %s", got, passerby)
	}
	w.noGroups()
}

// A task that would have to share its group with strangers is not started, and
// names them.
func TestGroupsRefuseStrangers(t *testing.T) {
	own := ownGroup(t)
	pid := strconv.Itoa(stranger(t, own))
	w := newWorld(t, tasks(sh("a", "touch ran")))
	w.startFrom(own)
	s := w.finished()
	if s.State != machine.Failed || !strings.Contains(s.Reason, "processes that are not ours are in it: "+pid+" (sleep 1000)") {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	if fileExists(w.sandbox("ran")) {
		t.Error("the command was executed")
	}
	if got := procsOf(t, own); !slices.Contains(got, pid) {
		t.Errorf("in the group there are %v, not %s", got, pid)
	}
	w.noGroups()
}
