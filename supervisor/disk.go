package supervisor

import (
	"encoding/json"
	"os"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/disk"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// ledger is what is known of the disk that a task uses.
type ledger struct {
	watch   *disk.Watch // nil: no limit, or the kernel keeps it
	allowed task.Size
	over    bool // its having passed the limit is recorded
	shown   disk.Usage
	written time.Time
}

// watchDisk watches what the sandbox holds, if that has a limit. It is called
// again when the limit may have changed.
func (b *brain) watchDisk() {
	allowed := b.machine.Limits("").Disk
	if allowed == b.ledger.allowed {
		return
	}
	b.closeDisk()
	b.ledger = ledger{allowed: allowed}
	if allowed > 0 {
		b.ledger.watch = disk.NewWatch(b.until, b.Dir.Sandbox(), int64(allowed))
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
		b.ledger.shown, b.ledger.written = t.Usage, time.Now()
		if err := b.writeDisk(t.Usage); err != nil {
			b.log("show what the sandbox holds: %v", err)
		}
	}
}

// stale says that the figure that is shown is a minute or one per cent off.
func (l *ledger) stale(u disk.Usage) bool {
	off := u.Bytes - l.shown.Bytes
	return time.Since(l.written) > time.Minute || 100*max(off, -off) > l.shown.Bytes
}

func (b *brain) writeDisk(u disk.Usage) error {
	content, err := json.Marshal(sandbox.DiskUsage{Usage: u, Allowed: int64(b.ledger.allowed)})
	if err != nil {
		return err
	}
	next := b.Dir.DiskUsage() + ".new"
	if err := os.WriteFile(next, append(content, '\n'), 0o640); err != nil {
		return err
	}
	return os.Rename(next, b.Dir.DiskUsage())
}
