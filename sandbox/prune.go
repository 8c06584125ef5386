package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dewarhq/dewar/task"
)

// Prune removes an old run: its logs, then its spec and status. What is not
// there is no error.
//
// The logs lie in the user's hands. They are removed through a root opened at
// the sandbox, so that a link can lead nowhere but back into the sandbox.
func Prune(dir task.Dir, run task.RunID) error {
	return errors.Join(
		remove(dir.Sandbox(), logsName+"/"+run.String()),
		remove(string(dir), run.Dir()))
}

func remove(top, name string) error {
	root, err := os.OpenRoot(top)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("prune %s: %w", name, err)
	}
	defer root.Close()
	if err := root.RemoveAll(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("prune %s: %w", name, err)
	}
	return nil
}
