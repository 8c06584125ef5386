package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// A Cut says what Open cut off a journal.
type Cut struct {
	Offset int64 // where the torn tail began
	Bytes  int64 // how long it was
	Reason string
	Kept   error // why it is not, or not whole, in <path>.cut; nil if it is
}

// Cut is what Open cut off, nil if nothing.
func (j *Journal) Cut() *Cut { return j.cut }

// replay gives every payload to each and cuts off a torn tail.
func (j *Journal) replay(each func(payload []byte) error) error {
	s := &scanner{src: j.file}
	for {
		payload, err := s.next()
		if err != nil {
			return j.end(s.off, err)
		}
		if each != nil {
			if err := each(payload); err != nil {
				return fmt.Errorf("replay record %d of journal %s: %w", j.records, j.path, err)
			}
		}
		j.size = s.off
		j.records++
	}
}

// end judges why replay ended at an offset.
func (j *Journal) end(at int64, err error) error {
	var f *flaw
	switch {
	case err == io.EOF:
		return nil
	case errors.As(err, &f):
		return j.repair(at, f)
	}
	return fmt.Errorf("read journal: %w", err)
}

// repair cuts the journal off at a torn tail; damage it returns as *Damaged.
func (j *Journal) repair(at int64, f *flaw) error {
	reason, err := damage(j.file, at, f)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if reason == "" && at == 0 {
		zero, err := allZero(j.file, 0)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if !zero {
			reason = f.reason + ", and it is the first"
		}
	}
	if reason != "" {
		return &Damaged{Path: j.path, Offset: at, Reason: reason}
	}
	info, err := j.file.Stat()
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	j.cut = &Cut{Offset: at, Bytes: info.Size() - at, Reason: f.reason}
	j.cut.Kept = j.keep(at)
	if err := j.file.Truncate(at); err != nil {
		return fmt.Errorf("cut the torn tail off journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("cut the torn tail off journal: %w", err)
	}
	return nil
}

// damage says why a flaw at an offset is more than a torn tail; it is empty
// if no valid record follows.
func damage(src io.ReaderAt, at int64, f *flaw) (string, error) {
	next, ok, err := findRecord(src, at+1)
	if err != nil || !ok {
		return "", err
	}
	return fmt.Sprintf("%s, but a valid one begins at offset %d", f.reason, next), nil
}

// keep copies the file's tail, at most one record's size of it, to <path>.cut.
func (j *Journal) keep(at int64) error {
	path := j.path + ".cut"
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return fmt.Errorf("keep the torn tail: %w", err)
	}
	_, err = io.Copy(out, io.NewSectionReader(j.file, at, FrameSize+MaxPayload))
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("keep the torn tail in %s: %w", path, err)
	}
	return nil
}
