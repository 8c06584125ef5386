package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/disk"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// ledger is what is known of the disk that a task uses.
type ledger struct {
	opened  bool
	allowed task.Size
	quota   *disk.Quota // nil: the kernel does not keep the limit
	bypass  bool        // nor does it with a quota, for one of the task's users
	watch   *disk.Watch // nil: no limit, or the kernel keeps it
	over    bool        // its having passed the limit is recorded
	shown   disk.Usage
	written time.Time
}

// openDisk begins to keep what the sandbox holds below its limit, if it has
// one: by a quota where that can be had before anything lives, and by a watch
// otherwise. A quota that can be had and is refused fails the task, unless it
// runs already.
func (b *brain) openDisk(ctx context.Context) error {
	if b.ledger.opened {
		return nil
	}
	b.ledger.opened = true
	if err := b.openQuota(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.ledger.quota = nil
		err = fmt.Errorf("limit the disk of the task: %w", err)
		if b.lives() {
			b.log("the limit is watched only: %v", err)
		} else {
			b.facts = append(b.facts, machine.Denied{Reason: err.Error()})
		}
	}
	b.watchDisk()
	return nil
}

// lives says that something of the task may live.
func (b *brain) lives() bool {
	return !b.rebooted && (b.alive > 0 || len(b.machine.Live())+len(b.machine.Strays()) > 0)
}

// watchDisk follows the limit: it is called when that may have changed, after
// resizeDisk. What the kernel keeps is not watched.
func (b *brain) watchDisk() {
	allowed := b.machine.Limits("").Disk
	if allowed == b.ledger.allowed {
		return
	}
	b.closeDisk()
	l := &b.ledger
	l.allowed, l.watch, l.over, l.written = allowed, nil, false, time.Time{}
	if l.quota != nil {
		b.showQuota()
	}
	if allowed > 0 && (l.quota == nil || l.bypass) {
		l.watch = disk.NewWatch(b.until, b.Dir.Sandbox(), int64(allowed))
	}
}

func (b *brain) closeDisk() {
	if b.ledger.watch != nil {
		b.ledger.watch.Close()
	}
}

// diskTold is nil, from which nothing comes, unless there is a watch.
func (b *brain) diskTold() <-chan disk.Told {
	if b.ledger.watch == nil {
		return nil
	}
	return b.ledger.watch.Told()
}

// hearDisk notes that a limit was passed, once each time, and puts the figure
// where everybody can read it.
func (b *brain) hearDisk(t disk.Told) {
	if t.Err != nil {
		b.log("what the sandbox holds is not known: %v", t.Err)
		return
	}
	if t.Over && !b.ledger.over && b.machine.Phase() == machine.Active {
		b.facts = append(b.facts, machine.OverDisk{Used: t.Bytes, Allowed: int64(b.ledger.allowed)})
	}
	b.ledger.over = t.Over
	if b.ledger.stale(t.Usage) {
		b.showDisk(t.Usage)
	}
}

// stale says that the figure that is shown is a minute or one per cent off.
func (l *ledger) stale(u disk.Usage) bool {
	off := u.Bytes - l.shown.Bytes
	return time.Since(l.written) > time.Minute || 100*max(off, -off) > l.shown.Bytes
}

func (b *brain) showDisk(u disk.Usage) {
	l := &b.ledger
	l.shown, l.written = u, time.Now()
	said := sandbox.DiskUsage{Usage: u, Allowed: int64(l.allowed), Quota: l.quota}
	if err := said.Write(b.Dir); err != nil {
		b.log("%v", err)
	}
}
