package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Remove removes the directory of task id under root, and what its walls have
// outside of it. It takes both locks first, and then asks still whether the task
// may go: an error of still is returned, and nothing is removed. Nor is it if the
// task has a quota of the disk that cannot be let go of. If a shim or a brain
// lives, the error is a *shim.HeldError. No link is followed, whoever put it
// there.
func Remove(root, id string, still func(task.Dir) error) error {
	dir := task.Dir(filepath.Join(root, id))
	release, err := lockBoth(dir)
	if err != nil {
		return fmt.Errorf("remove task %s: %w", id, err)
	}
	err = still(dir)
	if err == nil {
		err = sandbox.ReleaseDisk(dir)
	}
	if err == nil {
		err = container.Clear(string(dir))
	}
	if err == nil {
		err = erase(root, id)
	}
	if err := errors.Join(err, release()); err != nil {
		return fmt.Errorf("remove task %s: %w", id, err)
	}
	return nil
}

func lockBoth(dir task.Dir) (release func() error, err error) {
	brain, err := shim.Lock(dir.Lock())
	if err != nil {
		return nil, err
	}
	resident, err := shim.Lock(dir.ShimLock())
	if err != nil {
		return nil, errors.Join(err, brain.Close())
	}
	return func() error { return errors.Join(resident.Close(), brain.Close()) }, nil
}

// erase takes the directory's name away, so that nobody sees half a task, and
// then the directory.
func erase(root, name string) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	gone := name
	if !strings.Contains(name, halfMark) {
		gone = halfName(name)
		err = r.Rename(name, gone)
	}
	if err == nil {
		err = r.RemoveAll(gone)
	}
	return errors.Join(err, r.Close())
}

// DiskSize is how many bytes of the disk a task's directory takes. Links are
// counted, not followed, and a file of several names is counted once.
func DiskSize(dir task.Dir) (int64, error) {
	root, err := os.OpenRoot(string(dir))
	if err != nil {
		return 0, fmt.Errorf("measure a task's directory: %w", err)
	}
	type inode struct{ dev, ino uint64 }
	seen := make(map[inode]bool) // of those that have several names
	var size int64
	err = fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil // gone meanwhile, or its owner's secret
		}
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		if one := (inode{st.Dev, st.Ino}); !e.IsDir() && st.Nlink > 1 {
			if seen[one] {
				return nil
			}
			seen[one] = true
		}
		size += st.Blocks * 512
		return nil
	})
	if err := errors.Join(err, root.Close()); err != nil {
		return 0, fmt.Errorf("measure a task's directory: %w", err)
	}
	return size, nil
}
