package journal

import (
	"errors"
	"fmt"
	"os"
)

// Compact replaces the journal by one that holds just these payloads. When it
// returns nil, they are on the disk. On an error the old journal goes on, but
// for one: if only the directory could not be synced, the new one does.
// The error is ErrFull if there is no room for the new file and its reserve.
func (j *Journal) Compact(payloads ...[]byte) error {
	frames, err := frame(nil, payloads)
	if err != nil {
		return err
	}
	next := &Journal{path: j.path, sync: j.sync, reserve: j.reserve, cut: j.cut, crash: j.crash}
	next.file, err = open(j.newPath(), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		if isFull(err) {
			return j.failed("compact", err)
		}
		return fmt.Errorf("compact journal: %w", err)
	}
	j.step("made")
	if err := next.fill(frames, len(payloads)); err != nil {
		return errors.Join(err, next.file.Close(), os.Remove(j.newPath()))
	}
	if err := os.Rename(j.newPath(), j.path); err != nil {
		return errors.Join(j.failed("compact", err), next.file.Close(), os.Remove(j.newPath()))
	}
	j.step("renamed")
	old := j.file
	*j = *next
	return errors.Join(j.syncDir(), old.Close())
}

// fill makes the records the content of a new journal.
func (j *Journal) fill(frames []byte, records int) error {
	if _, err := j.file.WriteAt(frames, 0); err != nil {
		return j.failed("write compacted", err)
	}
	j.step("written")
	j.size, j.records = int64(len(frames)), records
	if err := j.hold(0); err != nil {
		return err
	}
	j.step("reserved")
	if err := j.file.Sync(); err != nil {
		return j.failed("sync compacted", err)
	}
	j.step("synced")
	return nil
}

func (j *Journal) step(name string) {
	if j.crash != nil {
		j.crash(name)
	}
}
