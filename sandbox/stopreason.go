package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dewarhq/dewar/task"
)

// StopReason is the file of the sandbox that says why something of the task was
// last stopped: one line, written before the first signal.
const StopReason = ".dewar-stop-reason"

// StopReasonEnv is the variable that says the same to those who run because of the
// stop: a pre_stop, and the final processes.
const StopReasonEnv = "DEWAR_STOP_REASON"

// WriteStopReason replaces that file by one that says so, and belongs to owner.
// Whatever the user has put in its place is neither followed nor written to; a
// directory of that name is an error. Its rename makes it whole or not there.
func WriteStopReason(dir task.Dir, owner User, reason string) error {
	root, err := os.OpenRoot(dir.Sandbox())
	if err != nil {
		return fmt.Errorf("open the task's sandbox: %w", err)
	}
	defer root.Close()
	const next = StopReason + ".new"
	if err := root.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s of the sandbox: %w", next, err)
	}
	f, err := root.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("make %s of the sandbox: %w", next, err)
	}
	_, err = f.WriteString(reason + "\n")
	if os.Geteuid() == 0 {
		err = errors.Join(err, f.Chown(owner.UID, owner.GID))
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(next, StopReason)
	}
	if err != nil {
		return fmt.Errorf("write %s of the sandbox: %w", StopReason, errors.Join(err, root.Remove(next)))
	}
	return nil
}
