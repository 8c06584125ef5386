package sandbox

import (
	"fmt"
	"os"
	"syscall"

	"github.com/dewarhq/dewar/task"
)

// LogEnd reads the end of a run's log, stream being "stdout" or "stderr": at most
// so many bytes. The file lies in the user's hands: only a regular one that is
// the user's own and has no second name is read, or a link could show the user
// what we may read. That there is no file is an fs.ErrNotExist.
func LogEnd(dir task.Dir, run task.RunID, stream string, uid, most int) ([]byte, error) {
	root, err := os.OpenRoot(dir.Sandbox())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(logsName+"/"+run.String()+"/"+stream, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || st.Nlink != 1 || int(st.Uid) != uid {
		return nil, fmt.Errorf("read %s: it is not a file of the user's own", f.Name())
	}
	end := make([]byte, min(info.Size(), int64(most)))
	n, err := f.ReadAt(end, info.Size()-int64(len(end)))
	if n == 0 && err != nil {
		return nil, err
	}
	return end[:n], nil
}
