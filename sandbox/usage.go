package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dewarhq/dewar/sandbox/disk"
	"github.com/dewarhq/dewar/task"
)

// DiskUsage is what the file disk of a task's directory says: what the sandbox
// held when the brain last counted, which it does only where there is a limit.
type DiskUsage struct {
	disk.Usage
	Allowed int64 `json:"allowed"` // bytes
}

// ReadDiskUsage reads the file; found is false if there is none.
func ReadDiskUsage(dir task.Dir) (u DiskUsage, found bool, err error) {
	content, err := os.ReadFile(dir.DiskUsage())
	if errors.Is(err, fs.ErrNotExist) {
		return u, false, nil
	}
	if err != nil {
		return u, false, fmt.Errorf("read what the sandbox holds: %w", err)
	}
	if err := json.Unmarshal(content, &u); err != nil {
		return u, false, fmt.Errorf("read what the sandbox holds: %s: %w", dir.DiskUsage(), err)
	}
	return u, true, nil
}
