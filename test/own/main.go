// Command own runs a command in control groups of its own, and removes them
// after it:
//
//	go run ./test/own -- go test ./...
//
// What tests make is made beneath the group that they run in. Where that is the
// group of a service of the machine's (v1, which lets processes of many groups
// live side by side), it is to be left alone: so the command gets a new group at
// the top of each hierarchy that has controllers. On v2, where a group of its own
// would keep nobody's hands off, and without root, the command is just executed.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// inside is the word after which this program is the child that steps inside.
const inside = "inside"

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: own -- COMMAND…")
		os.Exit(2)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "own:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if dirs := filepath.SplitList(os.Getenv("DEWAR_OWN_GROUPS")); args[0] == inside {
		return 0, stepInside(dirs, args[1:])
	}
	dirs, err := groups()
	if err != nil {
		return 0, err
	}
	if len(dirs) == 0 {
		return 0, execute(args)
	}
	defer func() { err = errors.Join(err, remove(dirs)) }()
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return 0, err
		}
	}
	cmd := exec.Command("/proc/self/exe", append([]string{inside}, args...)...)
	cmd.Env = append(os.Environ(), "DEWAR_OWN_GROUPS="+list(dirs))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signal.Ignore(syscall.SIGINT) // the child's, who ends of it
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(1, exit.ExitCode()), nil
	}
	return 0, err
}

// groups are the directories of the groups to be made.
func groups() ([]string, error) {
	host, err := cgroup.Look()
	if err != nil || os.Geteuid() != 0 || host.Mode != cgroup.V1 && host.Mode != cgroup.Hybrid {
		return nil, err
	}
	seen := map[string]bool{}
	var dirs []string
	for _, own := range host.Own {
		top := own
		for exists(filepath.Join(filepath.Dir(top), "cgroup.procs")) {
			top = filepath.Dir(top)
		}
		dir := filepath.Join(top, "dewar-tests-"+strconv.Itoa(os.Getpid()))
		if !seen[dir] {
			dirs = append(dirs, dir)
		}
		seen[dir] = true
	}
	return dirs, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func list(dirs []string) string {
	text := ""
	for i, dir := range dirs {
		if i > 0 {
			text += string(filepath.ListSeparator)
		}
		text += dir
	}
	return text
}

// stepInside joins the groups and becomes the command. New groups of cpuset
// have no CPUs until they are given some, and take nobody.
func stepInside(dirs, args []string) error {
	for _, dir := range dirs {
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			if text, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name)); err == nil {
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
					return err
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return err
		}
	}
	return execute(args)
}

func execute(args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, args, os.Environ())
}

// remove removes the groups. The kernel may need a moment after the last exit;
// what the command has left inside is an error.
func remove(dirs []string) error {
	var errs []error
	for _, dir := range dirs {
		err := syscall.Rmdir(dir)
		for end := time.Now().Add(10 * time.Second); err == syscall.EBUSY && time.Now().Before(end); err = syscall.Rmdir(dir) {
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			left, _ := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs"))
			errs = append(errs, fmt.Errorf("remove the group %s, in which there is still %v: %w", dir, left, err))
		}
	}
	return errors.Join(errs...)
}
