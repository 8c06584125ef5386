package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// A half-made thing is called as it will be, or was, with a mark behind it that
// no task's id has, and some random letters and digits (see randomText).
const (
	halfMark    = "+"
	halfLetters = "abcdefghijklmnopqrstuvwxyz234567"
	halfRandom  = 6
)

// makingTime is how long a maker may need between making a directory and
// locking it.
const makingTime = time.Minute

func halfName(name string) string { return name + halfMark + randomText(halfRandom) }

// HalfMade are the directories under root whose making, or removal, was
// interrupted: they are called as Make and Remove call them, are ours, hold
// nothing but what a task's directory holds, and nobody holds their lock.
func HalfMade(root string, now time.Time) ([]string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for half-made tasks: %w", err)
	}
	var out []string
	for _, e := range entries {
		if checkHalf(root, e.Name()) != nil {
			continue // it is not Dewar's
		}
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < makingTime {
			continue // it went meanwhile, or somebody may be at it
		}
		holder, err := shim.Holder(task.Dir(filepath.Join(root, e.Name())).Lock())
		if err == nil && holder == 0 {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// RemoveHalfMade removes one of HalfMade's directories, under its lock, and no
// other.
func RemoveHalfMade(root, name string) error {
	err := checkHalf(root, name)
	if err == nil {
		err = removeHalf(root, name)
	}
	if err != nil {
		return fmt.Errorf("remove the half-made %s: %w", name, err)
	}
	return nil
}

func removeHalf(root, name string) error {
	lock, err := shim.Lock(task.Dir(filepath.Join(root, name)).Lock())
	if err != nil {
		return err
	}
	err = checkHalf(root, name)
	if err == nil {
		err = erase(root, name)
	}
	return errors.Join(err, lock.Close())
}

// checkHalf says why a directory is not one that Make or Remove has left.
func checkHalf(root, name string) error {
	if err := checkHalfName(name); err != nil {
		return err
	}
	path := filepath.Join(root, name)
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", path)
	}
	if uid := owner(info); uid != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %s", path, userName(uid))
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(inTaskDir, e.Name()) && checkHalfWish(e.Name()) != nil {
			return fmt.Errorf("%s holds %s, which is not Dewar's", path, task.Quote(e.Name()))
		}
	}
	return nil
}

func checkHalfName(name string) error {
	at := strings.LastIndex(name, halfMark)
	if at < 0 || len(name)-at-1 != halfRandom || strings.Trim(name[at+1:], halfLetters) != "" {
		return fmt.Errorf("%s is not the name of a half-made task", task.Quote(name))
	}
	return task.CheckID(name[:at])
}

// checkHalfWish is nil for the name of a wish that was not written to its end.
func checkHalfWish(name string) error {
	if !strings.HasPrefix(name, filepath.Base(task.Dir("").Shutdown())+halfMark) {
		return errors.New("it is no wish")
	}
	return checkHalfName(name)
}

// inTaskDir is all that Dewar makes directly inside a task's directory.
var inTaskDir = []string{
	"task.json", "lock", "shim.lock", "shim.sock", "control.sock",
	"journal", "journal.cut", "journal.new", "journal.ended", "journal.quarantined",
	"shutdown", "shutdown.new", "brain-failing", "brain-failing.next",
	"brain.log", "brain.log.1", "console", "groups", "groups.new", "disk", "disk.new", "runs", "sandbox",
	"members", "members.lock", "rootfs",
}
