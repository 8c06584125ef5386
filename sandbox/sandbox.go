package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/dewarhq/dewar/task"
)

const (
	dirName  = "sandbox"
	tmpName  = ".tmp"
	logsName = ".logs"
)

// Make makes a task's sandbox, or finishes making it. The sandbox is 0700 and
// the user's; with shared, when processes of several users live in it, others
// may pass through it (0711) and all may write into TMPDIR (1777).
//
// It becomes the user's last of all. A sandbox that is the user's already is
// left as it is.
func Make(dir task.Dir, owner User, shared bool) error {
	root, err := os.OpenRoot(string(dir))
	if err != nil {
		return fmt.Errorf("open the task's directory: %w", err)
	}
	defer root.Close()
	if err := makeDir(root, dirName); err != nil {
		return err
	}
	made, err := ours(root, owner)
	if err != nil || !made {
		return err
	}
	mode, tmpMode := fs.FileMode(0o700), fs.FileMode(0o700)
	if shared {
		mode, tmpMode = 0o711, 0o777|fs.ModeSticky
	}
	return errors.Join(
		furnish(root, dirName+"/"+tmpName, tmpMode, owner),
		furnish(root, dirName+"/"+logsName, mode, owner),
		hand(root, dirName, mode, owner))
}

func makeDir(root *os.Root, name string) error {
	if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s of the task: %w", name, err)
	}
	return nil
}

func furnish(root *os.Root, name string, mode fs.FileMode, owner User) error {
	if err := makeDir(root, name); err != nil {
		return err
	}
	return hand(root, name, mode, owner)
}

// ours says whether the sandbox is not yet the user's, who could have put
// anything into it. When we are the user, everything in it is at our own risk.
func ours(root *os.Root, owner User) (bool, error) {
	info, err := root.Lstat(dirName)
	if err != nil {
		return false, fmt.Errorf("look at the task's sandbox: %w", err)
	}
	if !info.IsDir() {
		return false, fmt.Errorf("use %s as sandbox: it is not a directory", root.Name()+"/"+dirName)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false, fmt.Errorf("look at the task's sandbox: no owner known")
	}
	self := os.Geteuid()
	return owner.UID == self || int(stat.Uid) == self, nil
}

// hand gives a directory to its owner.
func hand(root *os.Root, name string, mode fs.FileMode, owner User) error {
	if err := root.Chmod(name, mode); err != nil {
		return fmt.Errorf("set the mode of %s to %o: %w", name, mode, err)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	if err := root.Lchown(name, owner.UID, owner.GID); err != nil {
		return fmt.Errorf("give %s to user %s: %w", name, owner.Name, err)
	}
	return nil
}

// HasProfile says whether .thermos_profile is in the sandbox as a regular file;
// a link to one is none.
func HasProfile(dir task.Dir) bool {
	info, err := os.Lstat(dir.Sandbox() + "/" + Profile)
	return err == nil && info.Mode().IsRegular()
}
