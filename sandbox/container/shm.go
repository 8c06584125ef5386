package container

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// machineShm is where the machine's shared memory is.
const machineShm = "/dev/shm"

// ShmDir is the directory in the machine's /dev/shm whose subdirectory "shm" a
// task with shm: private sees as its own. Nobody but root can look into it.
func ShmDir(taskDir string) string {
	sum := sha256.Sum256([]byte(filepath.Clean(taskDir)))
	return filepath.Join(machineShm, "dewar-"+hex.EncodeToString(sum[:12]))
}

// Clear removes what a task's walls keep outside of its directory. It is called
// when nothing of the task lives, and may be called again, also for a task that
// never had walls. Whoever is not root cannot have made any.
func Clear(taskDir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if err := os.RemoveAll(ShmDir(taskDir)); err != nil {
		return fmt.Errorf("remove the task's shared memory: %w", err)
	}
	return nil
}
