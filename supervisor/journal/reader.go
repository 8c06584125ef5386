package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrReplaced says that the file a Reader reads is not the journal any more:
// it was compacted, set aside or removed, or a failed append was taken back
// that the Reader had seen. Whoever read must start anew with NewReader.
var ErrReplaced = errors.New("the journal was replaced")

// Reader reads a journal without any lock, also while it is being written. One
// goroutine at a time may use it.
type Reader struct {
	path string
	file *os.File
	scan scanner
	tail int64
}

// NewReader opens the journal at path for reading, from its beginning.
func NewReader(path string) (*Reader, error) {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return &Reader{path: path, file: f, scan: scanner{src: f}}, nil
}

// Next returns the next payload, valid until the next call. The error is
//
//	io.EOF       if there is nothing more yet: the next call looks again.
//	             What is at the end of the file without being a record, yet
//	             or any more, is not there; see Tail.
//	ErrReplaced  if the journal is another file by now. It comes only after
//	             every record of this one.
//	*Damaged     if the journal is damaged. The next call looks again.
func (r *Reader) Next() ([]byte, error) {
	r.tail = 0
	payload, err := r.scan.next()
	if err == nil {
		return payload, nil
	}
	r.scan.forget()
	var f *flaw
	if err != io.EOF && !errors.As(err, &f) {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	if err := r.current(); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, io.EOF
	}
	if err := r.judge(f); err != errMended {
		return nil, err
	}
	return r.Next()
}

// current returns ErrReplaced if the file is not the one at path, or is shorter
// than what has been read of it. It notes the size of what has not.
func (r *Reader) current() error {
	mine, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	there, err := os.Lstat(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return ErrReplaced
	}
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if !os.SameFile(mine, there) || mine.Size() < r.scan.off {
		return ErrReplaced
	}
	r.tail = mine.Size() - r.scan.off
	return nil
}

// judge returns io.EOF for a torn tail, else a *Damaged. Damage it believes only when a second
// look, from the beginning, finds the same: a writer may just have taken back
// a failed append and written another in its place.
func (r *Reader) judge(f *flaw) error {
	at := r.scan.off
	reason, err := damage(r.file, at, f)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if reason == "" && at == 0 && !f.short {
		zero, err := allZero(r.file, 0)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if !zero {
			reason = f.reason + ", and it is the first"
		}
	}
	if reason == "" {
		return io.EOF
	}
	again := scanner{src: r.file}
	for err == nil && again.off < at {
		_, err = again.next()
	}
	if again.off != at {
		return ErrReplaced
	}
	if _, err = again.next(); err == nil || err == io.EOF {
		return errMended
	}
	return &Damaged{Path: r.path, Offset: at, Reason: reason}
}

// errMended says that what was damaged is not any more.
var errMended = errors.New("mended")

// Tail is how many bytes behind the last payload were no valid record when
// Next said io.EOF: one that is just being written, or a torn tail.
func (r *Reader) Tail() int64 { return r.tail }

// Headless says, when Next said io.EOF, that the file has something in it and
// not one record: Open calls it damaged, unless its first record is just being
// written.
func (r *Reader) Headless() bool {
	if r.scan.off > 0 || r.tail == 0 {
		return false
	}
	zero, err := allZero(r.file, 0)
	return err == nil && !zero
}

// Offset is where the next record begins, or will.
func (r *Reader) Offset() int64 { return r.scan.off }

// Close closes the file.
func (r *Reader) Close() error {
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}
