package observer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// keepers are who keeps a task.
type keepers struct {
	shim, brain int // pids; 0: none
	err         error
}

func askKeepers(dir task.Dir) keepers {
	resident, err1 := shim.Holder(dir.ShimLock())
	brain, err2 := shim.Holder(dir.Lock())
	return keepers{shim: resident, brain: brain, err: errors.Join(err1, err2)}
}

// Failing is why no brain works, as the shim wrote it to brain-failing. One of
// Exit, Signal and Error says how the last brain ended.
type Failing struct {
	Exit   int
	Signal int
	Error  string // it could not be started
	Count  int    // brains that died one after another
	At     time.Time
	Next   time.Time // when another one is tried
	Stderr string    // the end of what the brains wrote there
}

func (f *Failing) String() string {
	how := fmt.Sprintf("ended with exit status %d", f.Exit)
	switch {
	case f.Error != "":
		how = "could not be started: " + f.Error
	case f.Signal != 0:
		how = fmt.Sprintf("died of signal %d", f.Signal)
	}
	return fmt.Sprintf("no brain works (%d died; the last one %s)", f.Count, how)
}

// Wish is a standing wish to end a task, as the file shutdown holds it.
type Wish struct {
	Grace  time.Duration
	By     string
	Reason string
	At     time.Time
}

func readFailing(dir task.Dir) (*Failing, error) {
	f := &Failing{}
	err := readFields(dir.BrainFailing(), func(key string, value []byte) (err error) {
		switch key {
		case "exit":
			f.Exit, err = strconv.Atoi(string(value))
		case "signal":
			f.Signal, err = strconv.Atoi(string(value))
		case "count":
			f.Count, err = strconv.Atoi(string(value))
		case "wall":
			f.At, err = wall(value)
		case "next":
			f.Next, err = wall(value)
		case "error":
			f.Error = string(value)
		case "stderr":
			f.Stderr = string(value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func readWish(dir task.Dir) (*Wish, error) {
	w := &Wish{}
	err := readFields(dir.Shutdown(), func(key string, value []byte) (err error) {
		switch key {
		case "grace":
			var s float64
			s, err = strconv.ParseFloat(string(value), 64)
			w.Grace = time.Duration(s * float64(time.Second))
		case "wall":
			w.At, err = wall(value)
		case "by":
			w.By = string(value)
		case "reason":
			w.Reason = string(value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

func wall(value []byte) (time.Time, error) {
	ns, err := strconv.ParseInt(string(value), 10, 64)
	return time.Unix(0, ns), err
}

// readFields reads a small file of key=value fields.
func readFields(path string, each func(key string, value []byte) error) error {
	const most = 1 << 20
	data, err := readFile(path, most)
	if err != nil {
		return err
	}
	found := 0
	err = shim.EachField(data, func(key, value []byte) error {
		found++
		if err := each(string(key), value); err != nil {
			return fmt.Errorf("its field %s: %w", key, err)
		}
		return nil
	})
	if err == nil && found == 0 {
		err = errors.New("there is nothing in it")
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// readFile reads a regular file, no link, of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, linked(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(path, info.Mode())
	}
	if err == nil && info.Size() > most {
		err = fmt.Errorf("read %s: it has %d bytes, more than can be meant", path, info.Size())
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

// linked makes a sentence of the refusal to follow a link.
func linked(err error) error {
	var p *os.PathError
	if errors.As(err, &p) && errors.Is(err, syscall.ELOOP) {
		return fmt.Errorf("open %s: it is a link, which is not followed", p.Path)
	}
	return err
}

func notRegular(path string, mode os.FileMode) error {
	what := "a special file"
	switch {
	case mode&os.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&os.ModeSocket != 0:
		what = "a socket"
	case mode.IsDir():
		what = "a directory"
	case mode&os.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Errorf("open %s: it is %s, which is not read", path, what)
}
