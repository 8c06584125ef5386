package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// maxShutdown bounds the size of the file shutdown that is read.
const maxShutdown = 64 << 10

// heedShutdown makes a kill of the standing wish to end the task, if there is
// one and it is news. The file stays where it is: by it the shim knows what to
// do should no brain work any more. News or not, the shim is asked for
// something, because a brain that stays silent after the bell is taken for one
// that hangs.
func (b *brain) heedShutdown() (bool, error) {
	wish, found, err := readShutdown(b.Dir)
	if err != nil {
		b.log("the wish to end the task is read as one without a word: %v", err)
	}
	if found {
		if err := b.showLife(); err != nil {
			return false, err
		}
	}
	if !found || !b.isNews(wish) {
		b.shutdown = false
		return true, nil
	}
	d, err := b.machine.Ask(wish)
	if err != nil {
		b.shutdown = false
		b.log("the wish to end the task is not heeded: %v", err)
		return true, nil
	}
	err = b.record(journal.Reserve, d.Record)
	if errors.Is(err, journal.ErrFull) {
		b.becomeFull(err)
		return false, nil
	}
	b.shutdown = false
	if err == nil && d.Act != nil {
		b.queue(d.Act)
	}
	return true, err
}

func (b *brain) showLife() error {
	return b.tell("list", func() error {
		_, err := b.shim.List()
		return err
	})
}

// isNews says whether a kill would change anything: an active task ends by it,
// one that is ending by itself may end sooner.
func (b *brain) isNews(k machine.KillAsked) bool {
	if b.machine.Phase() == machine.Active {
		return b.machine.State().Kill == nil
	}
	deadline := b.machine.State().Deadline
	return deadline == 0 || now().Boot+int64(k.Grace) < deadline
}

// readShutdown reads the file shutdown. One that cannot be understood is a wish
// all the same.
func readShutdown(dir task.Dir) (k machine.KillAsked, found bool, err error) {
	k = machine.KillAsked{Grace: control.DefaultGrace, By: "the file shutdown"}
	info, err := os.Lstat(dir.Shutdown())
	if errors.Is(err, fs.ErrNotExist) {
		return k, false, nil
	}
	if err != nil {
		return k, true, fmt.Errorf("read the file shutdown: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxShutdown {
		return k, true, fmt.Errorf("read the file shutdown: it is not a small regular file")
	}
	content, err := os.ReadFile(dir.Shutdown())
	if err != nil {
		return k, true, fmt.Errorf("read the file shutdown: %w", err)
	}
	err = shim.EachField(content, func(key, value []byte) error {
		switch string(key) {
		case "grace":
			seconds, err := strconv.ParseFloat(string(value), 64)
			if err != nil || !(seconds >= 0 && seconds < 1e9) {
				return fmt.Errorf("its grace is no number of seconds: %q", value)
			}
			k.Grace = task.Duration(seconds * float64(time.Second))
		case "by":
			k.By = string(value)
		case "reason":
			k.Reason = string(value)
		case "lose":
			k.Lose = string(value) == "1"
		}
		return nil
	})
	if err != nil {
		return k, true, fmt.Errorf("read the file shutdown: %w", err)
	}
	return k, true, nil
}
