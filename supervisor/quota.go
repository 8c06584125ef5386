package supervisor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/disk"
	"github.com/dewarhq/dewar/task"
)

// openQuota has the kernel keep the task's limit by a project quota, where the
// place has them and going over is to be refused. What lives without one stays
// so: it could have taken files out of reach.
func (b *brain) openQuota(ctx context.Context) error {
	noted, _, err := sandbox.ReadDiskUsage(b.Dir)
	if err != nil {
		return err
	}
	allowed := b.machine.Limits("").Disk
	if allowed == 0 || b.launch.Task.DiskAction == task.DiskWarn || noted.Quota == nil && b.lives() {
		return nil
	}
	ways, err := disk.Look(b.Dir.Sandbox())
	if err != nil {
		return err
	}
	if !ways.Project {
		if noted.Quota != nil {
			b.log("the limit of the disk is watched only, for the quota is gone: %s", ways.Why)
		}
		return nil
	}
	if noted.Quota == nil {
		if noted, err = b.chooseQuota(allowed); err != nil {
			return err
		}
	}
	if err := disk.Limit(ctx, b.Dir.Sandbox(), *noted.Quota, int64(allowed)); err != nil {
		return err
	}
	b.ledger.quota, b.ledger.bypass = noted.Quota, ways.Bypass && b.mayBypass()
	return nil
}

// chooseQuota chooses a project, and writes it down before anything is done
// with it.
func (b *brain) chooseQuota(allowed task.Size) (sandbox.DiskUsage, error) {
	q, err := disk.Choose(b.Dir.Sandbox(), b.launch.ID)
	noted := sandbox.DiskUsage{Allowed: int64(allowed), Quota: &q}
	if err == nil {
		err = noted.Write(b.Dir)
	}
	return noted, err
}

// mayBypass says that one of the task's users is root, or is given what root
// has. Whom the machine does not know runs nothing.
func (b *brain) mayBypass() bool {
	walls := b.launch.Task.Isolation
	given := walls.Walled() && slices.Contains(walls.CapabilitiesOf(false), "CAP_SYS_RESOURCE")
	for _, p := range b.processes {
		u, err := b.user(p)
		if err == nil && (given || u.UID == 0) {
			return true
		}
	}
	return false
}

// showQuota puts the kernel's figure where those can read it whom the kernel
// does not tell.
func (b *brain) showQuota() {
	u, err := b.ledger.quota.Usage()
	if err != nil {
		b.log("what the sandbox holds is not known: %v", err)
		return
	}
	b.showDisk(u)
}

// quotaSpent says that the task has used up what its quota allows, while the
// disk itself has room: then it is the quota that a start was refused by. xfs
// has the same error for both.
func (b *brain) quotaSpent() (said string, spent bool) {
	// What xfs reserves for a new directory, before it knows how little it takes.
	const reserved = 1 << 20
	if b.ledger.quota == nil {
		return "", false
	}
	u, err := b.ledger.quota.Usage()
	if err != nil || u.Bytes <= int64(b.ledger.allowed)-reserved {
		return "", false
	}
	if room, err := b.room(); err != nil || !room {
		return "", false
	}
	return fmt.Sprintf("sandbox and logs hold %s of the %s that are the task's disk", task.Size(u.Bytes), b.ledger.allowed), true
}

// resizeDisk gives the quota, if there is one, another limit. One below what is
// in use is refused.
func (b *brain) resizeDisk(ctx context.Context, to task.Size) (undo func(), err error) {
	undo = func() {}
	if to == 0 {
		return undo, nil
	}
	q := b.ledger.quota
	used, err := b.diskNow(ctx)
	if err != nil {
		return undo, fmt.Errorf("disk cannot be %s: %w", to, err)
	}
	if used.Over(int64(to)) {
		return undo, fmt.Errorf("disk cannot be %s: sandbox and logs hold %s", to, task.Size(used.Bytes))
	}
	if q == nil {
		return undo, nil
	}
	before := b.ledger.allowed
	undo = func() {
		if err := q.Resize(int64(before)); err != nil {
			b.log("the limit of the disk before a change that failed: %v", err)
		}
	}
	return undo, q.Resize(int64(to))
}

// diskNow is what the sandbox holds: the kernel's figure, or the watch's last.
// Before there is one it is counted, in no more time than a person waits.
func (b *brain) diskNow(ctx context.Context) (disk.Usage, error) {
	l := &b.ledger
	if l.quota != nil {
		return l.quota.Usage()
	}
	if l.watch != nil && !l.shown.Finished.IsZero() {
		return l.shown, nil
	}
	inTime, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	u, err := disk.Count(inTime, b.Dir.Sandbox())
	if err != nil && ctx.Err() == nil && inTime.Err() != nil {
		err = fmt.Errorf("sandbox and logs hold so many files that %v were not enough to count them", countWithin)
	}
	return u, err
}

// countWithin is how long a change of the limit may keep the loop with
// counting. It is enough for half a million files.
const countWithin = 2 * time.Second
