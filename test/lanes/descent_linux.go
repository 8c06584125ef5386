package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// asUser is the word after which this program is not the lane tool but the
// step between go test and a test binary.
const asUser = "as-user"

// descent is what a root process does before a test binary runs: it becomes
// somebody with less power and a home of his own.
type descent struct {
	UID, GID int
	User     string
	Home     string // holds home, tmp, run and state
	Lane     string
}

func (d *descent) setIDs(uid, gid string) (err error) {
	if d.UID, err = strconv.Atoi(uid); err != nil {
		return fmt.Errorf("read uid: %w", err)
	}
	if d.GID, err = strconv.Atoi(gid); err != nil {
		return fmt.Errorf("read gid: %w", err)
	}
	if d.UID == 0 {
		return errors.New("the user of the user lane is root")
	}
	return nil
}

// rooms are the directories of a home, and the variables that name them.
var rooms = []struct{ name, variable string }{
	{"home", "HOME"},
	{"tmp", "TMPDIR"},
	{"run", "XDG_RUNTIME_DIR"},
	{"state", "XDG_STATE_HOME"},
	{"cache", "XDG_CACHE_HOME"},
	{"config", "XDG_CONFIG_HOME"},
}

func (d *descent) makeHome() error {
	if err := os.Mkdir(d.Home, 0o755); err != nil {
		return err
	}
	for _, r := range rooms {
		dir := filepath.Join(d.Home, r.name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if err := os.Chown(dir, d.UID, d.GID); err != nil {
			return err
		}
	}
	return nil
}

// args are the words that becomeUser reads.
func (d *descent) args() []string {
	return []string{asUser, strconv.Itoa(d.UID), strconv.Itoa(d.GID), d.User, quote(d.Home)}
}

func (d *descent) environ(base []string) []string {
	set := map[string]string{"USER": d.User, "LOGNAME": d.User, "DEWAR_LANE": d.Lane}
	for _, r := range rooms {
		set[r.variable] = filepath.Join(d.Home, r.name)
	}
	env := slices.DeleteFunc(slices.Clone(base), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		_, ours := set[name]
		return ours || name == "GOCACHE" || name == "GOMODCACHE"
	})
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

// becomeUser is `lanes as-user UID GID USER HOME BINARY ARG…`. It returns only
// if it failed.
func becomeUser(args []string) (int, error) {
	if len(args) < 5 {
		return 0, fmt.Errorf("%d words, too few", len(args))
	}
	d := descent{User: args[2], Home: args[3], Lane: userLane}
	if err := d.setIDs(args[0], args[1]); err != nil {
		return 0, err
	}
	binary := args[4]
	if err := openBinary(binary); err != nil {
		return 0, fmt.Errorf("let %s execute %s: %w", d.User, binary, err)
	}
	if err := syscall.Setgroups([]int{d.GID}); err != nil {
		return 0, fmt.Errorf("set groups: %w", err)
	}
	if err := syscall.Setgid(d.GID); err != nil {
		return 0, fmt.Errorf("set gid %d: %w", d.GID, err)
	}
	if err := syscall.Setuid(d.UID); err != nil {
		return 0, fmt.Errorf("set uid %d: %w", d.UID, err)
	}
	syscall.Umask(0o022)
	return 0, fmt.Errorf("execute %s: %w", binary, syscall.Exec(binary, args[4:], d.environ(os.Environ())))
}

// openBinary makes a test binary executable for all. It lies in a directory
// that the go command makes for its work (0700) and removes; that directory
// and what is below it are opened, nothing above.
func openBinary(binary string) error {
	if err := os.Chmod(binary, 0o755); err != nil {
		return err
	}
	for dir := filepath.Dir(binary); strings.Contains(dir, "/go-build"); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := os.Chmod(dir, info.Mode().Perm()|0o011); err != nil {
			return err
		}
	}
	return nil
}

// openToAll says whether everybody can reach dir and read what is directly in it.
func openToAll(dir string) bool {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || (info.Mode().IsRegular() || info.IsDir()) && e.Name() != ".git" && info.Mode()&0o004 == 0 {
			return false
		}
	}
	return true
}

// copyTree copies the module, without its history and what make made of it,
// readable for all.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case name == ".git" || name == "bin" || name == "dist":
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(target, 0o755)
		case e.Type() == fs.ModeSymlink:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !e.Type().IsRegular():
			return nil
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm()|0o444)
}
