// Command own runs a command in control groups of its own, and removes them
// after it:
//
//	go run ./test/own [-view v1|v2] -- go test ./...
//
// What tests make is made beneath the group that they run in. Where that is the
// group of a service of the machine's (v1, which lets processes of many groups
// live side by side), it is to be left alone: so the command gets a new group at
// the top of each hierarchy that has controllers. On v2, where a group of its own
// would keep nobody's hands off, and without root, the command is just executed.
//
// With -view, on a hybrid machine, the command sees one kind of control groups
// only, and so at the speed of the machine what is otherwise seen in guests: it
// runs in a mount namespace of its own, from which the other kind is unmounted. What
// is left of v2 on such a machine has no controllers, and so no limits.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// inside is the word after which this program is the child that steps inside,
// having been told what to hide in this variable.
const (
	inside  = "inside"
	hideEnv = "DEWAR_OWN_HIDES"
)

// hides are the types of file systems that each view is without.
var hides = map[string]string{"": "", "v1": "cgroup2", "v2": "cgroup"}

func main() {
	view := flag.String("view", "", "show the command only these control groups: v1 or v2")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: own [-view v1|v2] -- COMMAND…") }
	flag.Parse()
	if hidden, known := hides[*view]; flag.NArg() == 0 || !known {
		flag.Usage()
		os.Exit(2)
	} else if hidden != "" {
		os.Setenv(hideEnv, hidden)
	}
	code, err := run(flag.Args())
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
		if os.Getenv(hideEnv) != "" {
			return 0, errors.New("there is no choice of views here: that takes root and a hybrid machine")
		}
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
	if os.Getenv(hideEnv) != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // with private mounts
	}
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
	if hidden := os.Getenv(hideEnv); hidden != "" {
		os.Unsetenv(hideEnv)
		if err := hide(hidden); err != nil {
			return err
		}
	}
	return execute(args)
}

// hide unmounts, here in our own namespace, what is of a type.
func hide(fstype string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		where, what, _ := strings.Cut(line, " - ")
		if strings.HasPrefix(what, fstype+" ") {
			at := strings.Fields(where)[4]
			err := syscall.Unmount(at, syscall.MNT_DETACH)
			if err != nil && err != syscall.ENOENT && err != syscall.EINVAL { // gone meanwhile: another test's walls
				return fmt.Errorf("unmount %s: %w", at, err)
			}
		}
	}
	return nil
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
