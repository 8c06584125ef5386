package observer

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// Record is one record of a journal as it stands there.
type Record struct {
	Offset  int64         // of the record in the file
	Payload []byte        // JSON; valid until the next one
	Entry   machine.Entry // decoded
}

// Records yields the records of a task's journal, oldest first, and ends with
// an error if the journal cannot be read to its end. A payload that cannot be
// decoded is yielded with an error that says so, and reading goes on.
func Records(dir task.Dir) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		r, err := journal.NewReader(dir.Journal())
		if err != nil {
			yield(Record{}, linked(err))
			return
		}
		defer r.Close()
		for {
			at := r.Offset()
			payload, err := r.Next()
			if err == io.EOF || errors.Is(err, journal.ErrReplaced) {
				return // compacted meanwhile: what there was has been read
			}
			if err != nil {
				yield(Record{Offset: at}, err)
				return
			}
			record := Record{Offset: at, Payload: payload}
			if record.Entry, err = machine.Decode(payload); err != nil {
				err = fmt.Errorf("the record at offset %d of %s: %w", at, dir.Journal(), err)
			}
			if !yield(record, err) {
				return
			}
		}
	}
}
