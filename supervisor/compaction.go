package supervisor

import (
	"errors"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// growth is how many bytes a journal grows by before it is made short again,
// even if its records are few.
const growth = 1 << 20

// compaction is what a journal was after its last one. It is due again when
// the journal has grown enough, and by no less than that was: to write a large
// snapshot often would cost more than it saves.
type compaction struct {
	records int
	bytes   int64
}

func (c *compaction) due(j *journal.Journal, after int) bool {
	if after == 0 {
		after = DefaultCompactAfter
	}
	records, bytes := j.Records()-c.records, j.Size()-c.bytes
	return bytes > c.bytes && (records > after || bytes > growth)
}

// compactIfDue makes the journal short again. Where that is not possible, the
// long one serves as well: it is tried again when the journal has grown
// further.
func (b *brain) compactIfDue() {
	if !b.compact.due(b.journal, b.CompactAfter) {
		return
	}
	at := now()
	snapshot, err := b.machine.Snapshot()
	if err == nil {
		payloads := make([][]byte, len(snapshot))
		for i, r := range snapshot {
			payloads[i] = machine.Encode(b.machine.Seq(), at, r)
		}
		b.crash("before compacting to", snapshot)
		err = b.journal.Compact(payloads...)
		b.crash("after compacting to", snapshot)
	}
	if err != nil && !errors.Is(err, journal.ErrFull) {
		b.log("the journal stays as long as it is: %v", err)
	}
	b.compact.records, b.compact.bytes = b.journal.Records(), b.journal.Size()
}
