package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/dewarhq/dewar/task"
)

// ForeignError says that a task belongs to another user: who owns its directory
// says what runs there, so nobody else lends it a uid, root least of all.
type ForeignError struct {
	ID    string
	Owner int // uid
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("task %s belongs to user %s: drive it as that user", e.ID, userName(e.Owner))
}

// NotTaskError says that a directory was not made by Make: without task.json a
// shim and its brains would try for ever.
type NotTaskError struct{ Dir task.Dir }

func (e *NotTaskError) Error() string {
	return fmt.Sprintf("%s is no task's directory, or not any more: it has no task.json", e.Dir)
}

// MayKeep says why we must not start what keeps the task in dir: a
// *ForeignError if its directory is another user's, a *NotTaskError if no task
// was launched there.
func MayKeep(dir task.Dir) error {
	info, err := os.Lstat(string(dir))
	if err != nil {
		return fmt.Errorf("see whose the task is: %w", err)
	}
	if uid := owner(info); uid != os.Geteuid() {
		return &ForeignError{ID: filepath.Base(string(dir)), Owner: uid}
	}
	if !info.IsDir() {
		return fmt.Errorf("see whose the task is: %s is not a directory", dir)
	}
	if _, err := os.Lstat(dir.TaskJSON()); errors.Is(err, fs.ErrNotExist) {
		return &NotTaskError{dir}
	}
	return nil
}

// owner is the uid of a file's owner.
func owner(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// userName is a user's name, or else the number.
func userName(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}
