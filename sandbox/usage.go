package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dewarhq/dewar/sandbox/disk"
	"github.com/dewarhq/dewar/task"
)

// DiskUsage is what the file disk of a task's directory says, which is there
// only where there is a limit: what the sandbox held when the brain last
// counted, or by which project quota the kernel counts it. The quota is written
// before it is used, and stays until nothing is left of it.
type DiskUsage struct {
	disk.Usage
	Allowed int64       `json:"allowed"`         // bytes
	Quota   *disk.Quota `json:"quota,omitempty"` // nil: the limit is found to be passed, and stops nobody
}

// ReadDiskUsage reads the file; found is false if there is none. With a quota
// the figure is the kernel's of now, or, where the kernel does not tell us, for
// it tells only who has CAP_SYS_ADMIN, that of the last change of the limit.
func ReadDiskUsage(dir task.Dir) (u DiskUsage, found bool, err error) {
	content, err := os.ReadFile(dir.DiskUsage())
	if errors.Is(err, fs.ErrNotExist) {
		return u, false, nil
	}
	if err != nil {
		return u, false, fmt.Errorf("read what the sandbox holds: %w", err)
	}
	if err := json.Unmarshal(content, &u); err != nil {
		return DiskUsage{}, false, fmt.Errorf("read what the sandbox holds: %s: %w", dir.DiskUsage(), err)
	}
	if u.Quota == nil {
		return u, true, nil
	}
	if now, err := u.Quota.Usage(); err == nil {
		u.Usage = now
	}
	return u, true, nil
}

// Write puts the file into place, whole or not at all. A quota is on the disk
// when it returns.
func (u *DiskUsage) Write(dir task.Dir) error {
	err := u.write(dir)
	if err == nil && u.Quota != nil {
		err = syncPath(string(dir))
	}
	if err != nil {
		return fmt.Errorf("write what the sandbox holds: %w", err)
	}
	return nil
}

func (u *DiskUsage) write(dir task.Dir) error {
	content, err := json.Marshal(u)
	if err != nil {
		return err
	}
	next := dir.DiskUsage() + ".new"
	if err := os.WriteFile(next, append(content, '\n'), 0o640); err != nil {
		return err
	}
	if u.Quota != nil {
		if err := syncPath(next); err != nil {
			return err
		}
	}
	return os.Rename(next, dir.DiskUsage())
}

// syncPath sees a file, or the names in a directory, to the disk.
func syncPath(path string) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// ReleaseDisk lets go of the quota that the file disk names, and notes that it
// has. It may be repeated. Where the place has no quotas any more there is
// nothing to let go of; the file stays then, for that may change.
func ReleaseDisk(dir task.Dir) error {
	u, found, err := ReadDiskUsage(dir)
	if errors.As(err, new(*json.SyntaxError)) {
		return nil // it names none: with one it would be whole
	}
	if err != nil || !found || u.Quota == nil {
		return err
	}
	if err := disk.Release(*u.Quota); err != nil {
		if w, unseen := disk.Look(string(dir)); unseen == nil && !w.Project {
			return nil
		}
		return fmt.Errorf("lift the limit of what the sandbox holds: %w", err)
	}
	u.Quota = nil
	return u.Write(dir)
}
