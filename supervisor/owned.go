package supervisor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/dewarhq/dewar/task"
)

// Whoever may write a task's files says what the brain runs, and as whom. So
// the brain works only in a directory, and by files, of its own user; the
// directory being ours, nobody else puts other files into their place.

// checkOwner refuses, by ErrMisuse, a task directory that is not ours.
func checkOwner(dir task.Dir) error {
	info, err := os.Stat(string(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrMisuse, err)
	}
	if err != nil {
		return fmt.Errorf("see whom the task's directory belongs to: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is not a directory", ErrMisuse, dir)
	}
	return isOurs(string(dir), info)
}

func isOurs(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%w: nobody says whom %s belongs to", ErrMisuse, path)
	}
	if uid := int(stat.Uid); uid != os.Geteuid() {
		return fmt.Errorf("%w: %s belongs to uid %d, who could have anything run as uid %d", ErrMisuse, path, uid, os.Geteuid())
	}
	return nil
}

// checkFile refuses a file of somebody else by ErrMisuse, and by an *unusable
// what is ours and no regular file.
func checkFile(what, path string, info fs.FileInfo) error {
	if err := isOurs(path, info); err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &unusable{what: what, err: fmt.Errorf("%s is not a regular file", path)}
	}
	return nil
}

// readTask reads task.json, if it is a file of ours.
func (b *brain) readTask() ([]byte, error) {
	const what = "task.json"
	path := b.Dir.TaskJSON()
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is no task's directory: %w", ErrMisuse, b.Dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the launched task: %w", err)
	}
	if err := checkFile(what, path, info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read the launched task: %w", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, fmt.Errorf("read the launched task: %w", err)
	}
	if err := checkFile(what, path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read the launched task: %w", err)
	}
	return data, nil
}

// checkJournal refuses a journal that is no file of ours. There may be none.
func (b *brain) checkJournal() error {
	info, err := os.Lstat(b.Dir.Journal())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("see whom the journal belongs to: %w", err)
	}
	return checkFile("journal", b.Dir.Journal(), info)
}
