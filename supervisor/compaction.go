package supervisor

import (
	"errors"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// A journal is compacted when it has grown by this much, and by at least as much as
// the snapshot that it begins with is large: to write a large one often would
// cost more than it saves.
const (
	growthRecords = 4096
	growthBytes   = 1 << 20
)

// compaction is when to compact next.
type compaction struct {
	records int   // of the journal after its last compaction
	bytes   int64 // likewise
	never   bool  // it holds records that we do not understand
}

func (c *compaction) due(j *journal.Journal) bool {
	records, bytes := j.Records()-c.records, j.Size()-c.bytes
	return !c.never && bytes > c.bytes && (records > growthRecords || bytes > growthBytes)
}

// compactIfDue makes the journal short again. Where that is not possible, the long one
// serves as well: it is tried again when the journal has grown further.
func (b *brain) compactIfDue() {
	if !b.compact.due(b.journal) {
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
