package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Wish is a standing wish to end a task, as the file `shutdown` holds it.
type Wish struct {
	Grace  time.Duration
	By     string
	Reason string
	At     time.Time
}

// Shutdown asks for the end of a task whose brain does not answer: the wish is
// written to the disk, so that the next brain finds it, and the shim, if there
// is one, gets TERM. A wish that stands already and ends sooner stays. One of
// both is enough: a shim that was told knows without the file, and a disk may be
// full. The error is as MayKeep's if the caller must not.
func Shutdown(dir task.Dir, w Wish) error {
	if err := MayKeep(dir); err != nil {
		return err
	}
	unwritten := stand(dir, w)
	told, err := termShim(dir)
	if unwritten == nil || told {
		return nil
	}
	return errors.Join(unwritten, err)
}

// stand sees to it that a wish stands that ends no later than w.
func stand(dir task.Dir, w Wish) error {
	standing, err := readWish(dir)
	switch {
	case err == nil && !w.At.Add(w.Grace).Before(standing.At.Add(standing.Grace)):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return writeWish(dir, w)
}

func writeWish(dir task.Dir, w Wish) error {
	var b []byte
	b = shim.AppendField(b, "grace", strconv.FormatFloat(w.Grace.Seconds(), 'f', -1, 64))
	b = shim.AppendField(b, "by", w.By)
	b = shim.AppendField(b, "reason", w.Reason)
	b = shim.AppendInt(b, "wall", w.At.UnixNano())
	half := halfName(dir.Shutdown())
	if err := writeSynced(half, b); err != nil {
		return errors.Join(fmt.Errorf("write the wish to end the task: %w", err), remove(half))
	}
	if err := os.Rename(half, dir.Shutdown()); err != nil {
		return errors.Join(fmt.Errorf("write the wish to end the task: %w", err), remove(half))
	}
	return syncDir(string(dir))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readWish reads a standing wish. One that makes no sense counts as one that
// has just begun and never ends: any other is better.
func readWish(dir task.Dir) (Wish, error) {
	b, err := os.ReadFile(dir.Shutdown())
	if err != nil {
		return Wish{}, fmt.Errorf("read the standing wish to end the task: %w", err)
	}
	endless := Wish{At: time.Unix(1<<40, 0)}
	var w Wish
	err = shim.EachField(b, func(key, value []byte) error {
		var err error
		switch string(key) {
		case "grace":
			var seconds float64
			seconds, err = strconv.ParseFloat(string(value), 64)
			w.Grace = time.Duration(seconds * float64(time.Second))
		case "wall":
			var wall int64
			wall, err = strconv.ParseInt(string(value), 10, 64)
			w.At = time.Unix(0, wall)
		case "by":
			w.By = string(value)
		case "reason":
			w.Reason = string(value)
		}
		return err
	})
	if err != nil || w.At.IsZero() {
		return endless, nil
	}
	return w, nil
}

// termShim sends TERM to the process that holds the shim's lock, and to no
// other: the pid is pinned before the lock is looked at again. Nobody is told if
// nobody holds it.
func termShim(dir task.Dir) (told bool, err error) {
	pid, err := shim.Holder(dir.ShimLock())
	if err != nil || pid == 0 {
		return false, err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reach the shim, pid %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if again, err := shim.Holder(dir.ShimLock()); err != nil || again != pid {
		return false, err
	}
	err = unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return false, fmt.Errorf("ask the shim, pid %d, to end: %w", pid, err)
	}
	return err == nil, nil
}
