package journal

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ahead is how much more than asked for is allocated at a time, in bytes.
const ahead = 64 << 10

// hold makes sure that n more bytes fit before the reserve; it is ErrFull if
// they do not.
func (j *Journal) hold(n int64) error {
	if j.reserve < 0 || j.unreserved != nil || j.size+n+j.reserve <= j.allocated {
		return nil
	}
	if j.allocate(n+ahead) == nil {
		return nil
	}
	return j.allocate(n)
}

// takeReserve holds the reserve if there is room for it. That there is none,
// Append and Room will say.
func (j *Journal) takeReserve() error {
	if err := j.hold(0); err != nil && !errors.Is(err, ErrFull) {
		return err
	}
	return nil
}

// allocate makes the file own the blocks of n more bytes and of the reserve.
func (j *Journal) allocate(n int64) error {
	n += j.reserve
	err := unix.Fallocate(int(j.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, j.size, n)
	for errors.Is(err, unix.EINTR) {
		err = unix.Fallocate(int(j.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, j.size, n)
	}
	switch {
	case err == nil:
		j.allocated = j.size + n
		return nil
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		j.unreserved = fmt.Errorf("keep a reserve for journal %s: %w", j.path, err)
		return nil
	}
	return j.failed("allocate room for", err)
}

// Unreserved says why the journal has no reserve, although one was asked for:
// its file system has no fallocate. It is nil otherwise.
func (j *Journal) Unreserved() error { return j.unreserved }

// Room asks for the reserve again, and says whether it is whole and there is
// some room before it, so that Ordinary appends may go on.
func (j *Journal) Room() (bool, error) {
	if err := j.mend(); err != nil {
		return false, err
	}
	if j.reserve < 0 || j.unreserved != nil {
		return j.free()
	}
	err := j.allocate(ahead)
	if errors.Is(err, ErrFull) {
		return false, nil
	}
	return err == nil, err
}

// free asks the file system for room, where nothing can be reserved.
func (j *Journal) free() (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(j.file.Fd()), &fs); err != nil {
		return false, fmt.Errorf("ask for the room left for journal: %w", err)
	}
	return fs.Bavail*uint64(fs.Bsize) >= uint64(max(j.reserve, 0)+ahead), nil
}

// Release gives what is allocated behind the last record back to the file
// system. Appending may go on, and takes a reserve again.
func (j *Journal) Release() error {
	end := j.allocated
	j.torn = true // to truncate releases on most file systems
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("release the reserve of journal: %w", err)
	}
	j.torn, j.allocated = false, 0
	if end <= j.size {
		return nil
	}
	// tmpfs
	err := unix.Fallocate(int(j.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, j.size, end-j.size)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("release the reserve of journal: %w", err)
	}
	return nil
}
