package launch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// ErrExists says that a task of that id is there already.
var ErrExists = errors.New("a task of that id exists")

// Make makes the directory of l's task under root, which is made too if it is
// missing. When it returns without error the directory has its name, a whole
// task.json is in it, and both are on the disk. An error wraps ErrExists if
// the name is taken; after any error nothing is left behind.
func Make(root string, l task.Launch) (task.Dir, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("make the directory of the tasks: %w", err)
	}
	half := filepath.Join(root, halfName(l.ID))
	if err := os.Mkdir(half, 0o711); err != nil {
		return "", fmt.Errorf("make a task's directory in %s: %w", root, err)
	}
	dir, err := fill(root, half, l)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(half))
	}
	return dir, nil
}

// fill writes what belongs into the half-made directory and gives it its name.
// The lock on it says, until then, that its maker lives.
func fill(root, half string, l task.Launch) (dir task.Dir, err error) {
	if err := os.Chmod(half, 0o711); err != nil { // whatever the umask
		return "", fmt.Errorf("set the mode of a task's directory: %w", err)
	}
	lock, err := shim.Lock(task.Dir(half).Lock())
	if err != nil {
		return "", fmt.Errorf("lock a task's new directory: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := writeLaunch(task.Dir(half), l); err != nil {
		return "", err
	}
	name := filepath.Join(root, l.ID)
	if err := renameNew(half, name); err != nil {
		return "", fmt.Errorf("name a task's directory %s: %w", name, err)
	}
	if err := syncDir(root); err != nil {
		return "", errors.Join(err, os.RemoveAll(name))
	}
	return task.Dir(name), nil
}

// writeLaunch writes task.json, and sees it and its directory to the disk.
func writeLaunch(dir task.Dir, l task.Launch) error {
	text, err := l.Encode()
	if err != nil {
		return err
	}
	if err := writeSynced(dir.TaskJSON(), text); err != nil {
		return fmt.Errorf("write task.json: %w", err)
	}
	return syncDir(string(dir))
}

// writeSynced writes a new file, mode 0640, and sees it to the disk.
func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o640) // whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// renameNew renames a directory, never onto another. Where the file system
// does not know RENAME_NOREPLACE, the other's task.json is in the way.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		err = unix.Rename(from, to)
	}
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) {
		return ErrExists
	}
	return err
}

// randomText is n letters and digits.
func randomText(n int) string { return strings.ToLower(rand.Text()[:n]) }

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("see a directory to the disk: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("see a directory to the disk: %w", err)
	}
	return nil
}
