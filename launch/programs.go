package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Programs are the absolute paths of what keeps a task.
type Programs struct {
	Shim  string // dewar-shim
	Brain string // dewar-executor
}

// FindPrograms looks for both programs: in the directory libexec alone if that
// is not empty, else beside our own executable, in /usr/libexec/dewar, in
// /usr/bin and in the directories of path (as $PATH).
func FindPrograms(libexec, path string) (Programs, error) {
	dirs, err := programDirs(libexec, path)
	if err != nil {
		return Programs{}, err
	}
	shim, err := findProgram("dewar-shim", dirs)
	if err != nil {
		return Programs{}, err
	}
	brain, err := findProgram("dewar-executor", dirs)
	if err != nil {
		return Programs{}, err
	}
	return Programs{Shim: shim, Brain: brain}, nil
}

func programDirs(libexec, path string) ([]string, error) {
	if libexec != "" {
		abs, err := filepath.Abs(libexec)
		if err != nil {
			return nil, fmt.Errorf("find the programs in DEWAR_LIBEXEC: %w", err)
		}
		return []string{abs}, nil
	}
	var dirs []string
	if own, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(own))
	}
	dirs = append(dirs, "/usr/libexec/dewar", "/usr/bin")
	for _, d := range filepath.SplitList(path) {
		if filepath.IsAbs(d) { // what a relative one means changes with the directory
			dirs = append(dirs, d)
		}
	}
	return dirs, nil
}

func findProgram(name string, dirs []string) (string, error) {
	var unusable []error
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			unusable = append(unusable, err)
		case info.Mode().IsRegular() && info.Mode()&0o111 != 0:
			return path, nil
		default:
			unusable = append(unusable, fmt.Errorf("%s is not an executable file", path))
		}
	}
	if err := errors.Join(unusable...); err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return "", fmt.Errorf("find %s: it is not in %s", name, strings.Join(dirs, ", "))
}
