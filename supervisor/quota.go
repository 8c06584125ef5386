package supervisor

import (
	"context"
	"fmt"
	"slices"

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
	if noted.Boot == b.boot {
		err = noted.Quota.Resize(int64(allowed))
	} else {
		err = disk.Limit(ctx, b.Dir.Sandbox(), *noted.Quota, int64(allowed))
	}
	if err != nil {
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

// resizeDisk gives the quota, if there is one, another limit. One below what is
// in use is refused.
func (b *brain) resizeDisk(to task.Size) (undo func(), err error) {
	undo = func() {}
	if to == 0 {
		return undo, nil
	}
	used, q := b.ledger.shown, b.ledger.quota
	if q != nil {
		if used, err = q.Usage(); err != nil {
			return undo, err
		}
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
