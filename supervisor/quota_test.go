package supervisor

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/disk"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// quotaWorld is a task on a file system with project quotas, as far as it goes.
func quotaWorld(t *testing.T, kind, user string, limit task.Size, cmdline string) *world {
	t.Helper()
	dir := needs.ProjectQuota(t, kind)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	spec := tasks(sh("a", cmdline))
	spec.User, spec.Resources = user, &task.Resources{Disk: limit}
	spec.Processes[0].MaxFailures = 1
	w := newWorldIn(t, dir, spec)
	w.relaunch(func(l *task.Launch) { l.Groups = task.NoGroups })
	return w
}

// eachQuota is for each file system with them.
func eachQuota(t *testing.T, test func(t *testing.T, kind string)) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

// disk is what the file of that name says, when it names a quota, or none.
func (w *world) disk(quota bool) sandbox.DiskUsage {
	w.Helper()
	var u sandbox.DiskUsage
	w.until("the file disk is as it should be", func() bool {
		var found bool
		var err error
		u, found, err = sandbox.ReadDiskUsage(w.dir)
		return err == nil && found && (u.Quota != nil) == quota && u.Finished.Unix() > 0
	})
	return u
}

func (w *world) isOverDisk() bool {
	return slices.ContainsFunc(w.entries(), func(e machine.Entry) bool { _, ok := e.Record.(machine.OverDisk); return ok })
}

// exceeds writes three times a limit of 1 MB, says that it could not, and writes
// more when go is in its sandbox. (On xfs there is no room for a new name then.)
const exceeds = `: > trying
head -c 3000000 /dev/zero > big && exit 3
rm trying
while [ ! -e go ]; do sleep 0.01; done
head -c 2000000 /dev/zero > more`

func (w *world) untilRefused() {
	w.Helper()
	w.until("the write is refused", func() bool { return fileExists(w.sandbox("big")) && !fileExists(w.sandbox("trying")) })
}

// Writes beyond the limit are refused and the task goes on; another limit holds
// at once; both survive the brain; at the end there is no limit any more.
func TestQuotaRefuses(t *testing.T) {
	eachQuota(t, func(t *testing.T, kind string) {
		w := quotaWorld(t, kind, "nobody", 1<<20, exceeds)
		w.start()
		w.untilRefused()
		u := w.disk(true)
		if u.Bytes > 1<<20 || u.Bytes < 900_000 || u.Allowed != 1<<20 {
			t.Errorf("%+v", u)
		}
		if said := w.ask("/v1/resize", `{"limits":{"disk":"512KB"}}`, 409); !strings.Contains(said, "hold") {
			t.Errorf("refused: %s", said)
		}
		w.kill(w.holder(w.dir.Lock()))
		w.ask("/v1/resize", `{"limits":{"disk":"8MB"}}`, 200)
		if now := w.disk(true); *now.Quota != *u.Quota || now.Allowed != 8<<20 {
			t.Errorf("after a change of the limit: %+v %+v, before %+v", now, now.Quota, u.Quota)
		}
		w.write(w.sandbox("go"), "")
		if s := w.finished(); s.State != machine.Success || w.isOverDisk() {
			t.Errorf("%s: %s", s.State, s.Reason)
		}
		w.released(w.id, *u.Quota)
	})
}

// released says whether the quota that was chosen for a task has a limit still: if not, it is free for
// another task once nothing is left of this one.
func (w *world) released(task string, q disk.Quota) {
	w.Helper()
	w.disk(false)
	if err := os.RemoveAll(w.dir.Sandbox()); err != nil {
		w.Fatal(err)
	}
	w.until("the quota is free", func() bool { // xfs removes in the background
		again, err := disk.Choose(string(w.dir), task)
		return err == nil && again == q
	})
}

// Root is not stopped on ext4, so that a watch fails the task there.
func TestQuotaOfRoot(t *testing.T) {
	t.Run("ext4", func(t *testing.T) {
		w := quotaWorld(t, "ext4", "", 1<<20, `head -c 3000000 /dev/zero > big; exec sleep 1000`)
		w.start()
		u := w.disk(true)
		if s := w.finished(); s.State != machine.Failed || !strings.Contains(s.Reason, "1MB") {
			t.Errorf("%s: %s", s.State, s.Reason)
		}
		w.released(w.id, *u.Quota)
	})
	t.Run("xfs", func(t *testing.T) {
		w := quotaWorld(t, "xfs", "", 1<<20, exceeds)
		w.start()
		w.untilRefused()
		w.ask("/v1/kill", `{"grace":0}`, 200)
		if w.finished(); w.isOverDisk() {
			t.Error("it is over its disk, and was stopped")
		}
	})
}

// A run that finds no room for its logs, because the task has used up what it
// may, fails and says so: it is not the disk that is full, and waiting does not
// help. On ext4 root makes the logs, and is not refused.
func TestQuotaSpentIsNoFullDisk(t *testing.T) {
	w := quotaWorld(t, "xfs", "nobody", 4<<20, `head -c 8000000 /dev/zero > big; exit 7`)
	w.relaunch(func(l *task.Launch) { l.Task.Processes[0].MaxFailures = 2 })
	w.start()
	s := w.finished()
	if s.State != machine.Failed {
		t.Fatalf("%s: %s", s.State, s.Reason)
	}
	last := s.Processes[0].Last()
	if last.Exit != nil || !strings.Contains(last.Reason, "no space left on device; sandbox and logs hold ") || !strings.Contains(last.Reason, " of the 4MB ") {
		t.Errorf("the last run: %+v", last)
	}
}

// Who is only to be warned is not stopped.
func TestQuotaWarns(t *testing.T) {
	eachQuota(t, func(t *testing.T, kind string) {
		w := quotaWorld(t, kind, "nobody", 1<<20, `head -c 3000000 /dev/zero > big || exit 3; while [ ! -e go ]; do sleep 0.01; done`)
		w.relaunch(func(l *task.Launch) { l.Task.DiskAction = task.DiskWarn })
		w.start()
		w.until("it is over", w.isOverDisk)
		w.disk(false)
		w.write(w.sandbox("go"), "")
		if s := w.finished(); s.State != machine.Success {
			t.Errorf("%s: %s", s.State, s.Reason)
		}
	})
}

// A quota that the kernel does not take fails the task before it begins.
func TestQuotaDenied(t *testing.T) {
	eachQuota(t, func(t *testing.T, kind string) {
		w := quotaWorld(t, kind, "nobody", 100, `: > up`)
		w.start()
		if s := w.finished(); s.State != machine.Failed || !strings.Contains(s.Reason, "100 bytes") || !strings.Contains(s.Reason, "/vm/"+kind) {
			t.Errorf("%s: %s", s.State, s.Reason)
		}
		if fileExists(w.sandbox("up")) {
			t.Error("it was started all the same")
		}
	})
}

// What a brain wrote down and could not do, in this boot or before it, is done
// by the next; and what was left by the last one, by whoever removes the task.
func TestQuotaIsResumed(t *testing.T) {
	eachQuota(t, func(t *testing.T, kind string) {
		w := quotaWorld(t, kind, "nobody", 1<<20, exceeds)
		q, err := disk.Choose(string(w.dir), "another task")
		if err != nil {
			t.Fatal(err)
		}
		noted := sandbox.DiskUsage{Allowed: 1 << 20, Quota: &q}
		if err := noted.Write(w.dir); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.untilRefused()
		if u := w.disk(true); *u.Quota != q {
			t.Errorf("%+v %+v, noted was %+v", u, u.Quota, q)
		}
		w.ask("/v1/kill", `{"grace":0}`, 200)
		w.finished()
		if err := disk.Limit(context.Background(), w.dir.Sandbox(), q, 1<<20); err != nil {
			t.Fatal(err)
		}
		if err := noted.Write(w.dir); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := sandbox.ReleaseDisk(w.dir); err != nil {
				t.Fatal(err)
			}
		}
		w.released("another task", q)
	})
}
