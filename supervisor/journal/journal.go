package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Space says out of what room an append may be served.
type Space int

const (
	Ordinary Space = iota // leaves the reserve whole
	Reserve               // may spend the reserve
)

// DefaultReserve is the reserve of a journal whose Options name none, in bytes.
const DefaultReserve = 64 << 10

// Options of a journal. The zero value is usable.
type Options struct {
	Sync    bool  // fsync every append before it returns
	Reserve int64 // bytes kept for appends in Reserve space; 0: DefaultReserve; negative: none
}

// ErrFull says that an append or a compaction was refused for want of room:
// the disk, the quota, or the size that a file may have. Nothing was changed.
var ErrFull = errors.New("no room left")

// Damaged says that a file is no journal from Offset on, and that it is not
// for Open to mend it. It has to be set aside.
type Damaged struct {
	Path   string
	Offset int64 // where a valid record should begin
	Reason string
}

func (d *Damaged) Error() string {
	return fmt.Sprintf("journal %s is damaged at offset %d: %s", d.Path, d.Offset, d.Reason)
}

// Journal is a file open for appending. One goroutine at a time may use it.
type Journal struct {
	path    string
	file    *os.File
	sync    bool
	size    int64
	records int
	frames  []byte // of the append under way; kept for the next
	torn    bool   // something may be behind size that could not be cut off
	cut     *Cut

	reserve    int64
	allocated  int64 // the file owns its blocks up to here; 0: not known
	unreserved error

	crash func(step string) // tests: called between the steps of a compaction
}

// Open opens the journal at path for appending, makes it if it is missing, and
// gives each of its payloads, oldest first, to each (which may be nil, and must
// not keep the slice). A torn tail is cut off, see Cut. The error is a *Damaged
// if the file is damaged, after its good records have been given; it is each's
// own error, wrapped, if each refuses a payload; either way the file is
// unchanged. Links are not followed, and anything but a regular file is refused.
func Open(path string, o Options, each func(payload []byte) error) (*Journal, error) {
	j := &Journal{path: path, sync: o.Sync, reserve: o.Reserve}
	if o.Reserve == 0 {
		j.reserve = DefaultReserve
	}
	if err := os.Remove(j.newPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove what an interrupted compaction left: %w", err)
	}
	_, err := os.Lstat(path)
	made := errors.Is(err, os.ErrNotExist)
	if j.file, err = open(path, os.O_RDWR|os.O_CREATE); err != nil {
		return nil, err
	}
	if err = j.replay(each); err == nil && made && j.sync {
		err = j.syncDir()
	}
	if err == nil {
		err = j.takeReserve()
	}
	if err != nil {
		return nil, errors.Join(err, j.file.Close())
	}
	return j, nil
}

// open opens a regular file, without following a link and without waiting for
// the other end of a pipe.
func open(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), f.Close())
	}
	return f, nil
}

// Append adds one record per payload. Either all of them are in the file when
// it returns nil, and on the disk if the journal was opened with Sync, or none
// is. The error is ErrFull if there is no room for them in that space.
func (j *Journal) Append(space Space, payloads ...[]byte) error {
	if err := j.mend(); err != nil {
		return err
	}
	j.frames = j.frames[:0]
	if cap(j.frames) > bufferSize {
		j.frames = nil
	}
	frames, err := frame(j.frames, payloads)
	if err != nil || len(frames) == 0 {
		return err
	}
	j.frames = frames
	if space == Ordinary {
		if err := j.hold(int64(len(frames))); err != nil {
			return err
		}
	}
	if _, err := j.file.WriteAt(frames, j.size); err != nil {
		return errors.Join(j.failed("append to", err), j.takeBack())
	}
	if j.sync {
		if err := j.file.Sync(); err != nil {
			return errors.Join(j.failed("sync", err), j.takeBack())
		}
	}
	j.size += int64(len(frames))
	j.records += len(payloads)
	return nil
}

// frame appends the records of payloads to dst.
func frame(dst []byte, payloads [][]byte) ([]byte, error) {
	for _, p := range payloads {
		if len(p) == 0 || len(p) > MaxPayload {
			return nil, fmt.Errorf("a journal's record cannot be %d bytes long: 1 to %d are allowed", len(p), MaxPayload)
		}
		dst = appendFrame(dst, p)
	}
	return dst, nil
}

// failed makes a sentence of what went wrong, and ErrFull of a want of room.
func (j *Journal) failed(verb string, err error) error {
	if isFull(err) {
		return fmt.Errorf("%s journal: %w: %w", verb, ErrFull, err)
	}
	return fmt.Errorf("%s journal: %w", verb, err)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// takeBack cuts off what a failed append may have left behind the last record.
func (j *Journal) takeBack() error {
	j.torn = true
	return j.mend()
}

// mend does what takeBack could not do.
func (j *Journal) mend() error {
	if !j.torn {
		return nil
	}
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("cut a failed append off journal: %w", err)
	}
	j.torn, j.allocated = false, 0 // to truncate gives the reserve back
	return j.takeReserve()
}

func (j *Journal) newPath() string { return j.path + ".new" }

func (j *Journal) syncDir() error {
	dir, err := os.Open(filepath.Dir(j.path))
	if err != nil {
		return fmt.Errorf("sync the journal's directory: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync the journal's directory: %w", err)
	}
	return nil
}

// Size is the size of the journal's records, in bytes.
func (j *Journal) Size() int64 { return j.size }

// Records is how many records the journal holds.
func (j *Journal) Records() int { return j.records }

// Close closes the file. The reserve stays with it for the next Open.
func (j *Journal) Close() error {
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}
