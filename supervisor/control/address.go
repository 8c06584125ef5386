package control

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dewarhq/dewar/task"
)

// Address is a name of a task's control socket that is short enough for one,
// however long the task directory's path is. It is good until release is called.
func Address(dir task.Dir) (address string, release func() error, err error) {
	d, err := os.Open(string(dir))
	if err != nil {
		return "", nil, fmt.Errorf("open the task's directory: %w", err)
	}
	fd := strconv.FormatUint(uint64(d.Fd()), 10)
	return "/proc/self/fd/" + fd + "/" + filepath.Base(dir.ControlSock()), d.Close, nil
}
