package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// inGuest is the word after which this program runs test binaries in a guest,
// `lanes in-guest PLACE TIMEOUT ONLY`: it writes what go test -json would. After
// inGroup it joins a group and becomes a test binary,
// `lanes in-group DIR BINARY ARG…`.
const (
	inGuest = "in-guest"
	inGroup = "in-group"
)

// steps are what this program is when it is not the lane tool, by its first
// argument. They answer the exit status, or an error.
var steps = map[string]func(args []string) (int, error){
	asUser:  becomeUser,
	inGuest: func(args []string) (int, error) { return runInGuest(args, os.Stdout) },
	inGroup: joinGroup,
}

// runInGuest runs every binary of the list.
func runInGuest(args []string, w io.Writer) (status int, err error) {
	if len(args) != 3 {
		return 0, fmt.Errorf("%d words, not 3", len(args))
	}
	place, timeout, only := args[0], args[1], args[2]
	var list []binary
	text, err := os.ReadFile(filepath.Join(place, listFile))
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return 0, fmt.Errorf("read %s: %w", listFile, err)
	}
	env, err := ownRooms()
	if err != nil {
		return 0, err
	}
	groups, err := newGroups()
	if err != nil {
		return 0, err
	}
	for _, b := range list {
		argv := []string{filepath.Join(place, convert), "-t", "-p", b.Package}
		if argv, err = groups.enter(argv, filepath.Join(place, runner)); err != nil {
			return 0, err
		}
		if only != "" {
			b.Run = only
		}
		argv = append(argv, b.Path, "-test.v=test2json", "-test.timeout="+timeout, "-test.run="+b.Run)
		good, err := b.runTests(argv, env, w)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", b.Package, err)
		}
		if !good {
			status = 1
		}
	}
	if left := leftover(os.Getenv("DEWAR_BIN")); len(left) > 0 {
		return 1, json.NewEncoder(w).Encode(event{Action: leftAction, Output: strings.Join(left, " ")})
	}
	return status, nil
}

// runTests runs one binary below test2json, which makes the events. The line
// that go test would print about the package comes behind them.
func (b binary) runTests(argv, env []string, w io.Writer) (bool, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = b.Dir, append(env, "PWD="+b.Dir)
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	begun := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return false, err
	}
	word := "ok  "
	if err != nil {
		word = "FAIL"
	}
	_, writeErr := fmt.Fprintf(w, "%s\t%s\t%.3fs\n", word, b.Package, time.Since(begun).Seconds())
	return err == nil, writeErr
}

// ownRooms is this process's environment with a home of its own, if it is an
// ordinary user's.
func ownRooms() ([]string, error) {
	if os.Geteuid() == 0 {
		return os.Environ(), nil
	}
	dir, err := os.MkdirTemp("", "dewar-lane-")
	if err != nil {
		return nil, err
	}
	d := descent{UID: os.Geteuid(), GID: os.Getegid(), User: os.Getenv("USER"), Home: filepath.Join(dir, "u"), Lane: os.Getenv("DEWAR_LANE")}
	if err := d.makeHome(); err != nil {
		return nil, err
	}
	return d.environ(os.Environ()), nil
}

// groups gives each test binary a v2 group that it is alone in, as a service
// has it, with every controller. On v1 there is nothing to do: any number of
// processes may be in a group that has children.
type groups struct {
	own string // empty: there is no v2 with controllers
	n   int
}

// newGroups steps aside: a group with processes cannot have children with
// controllers.
func newGroups() (*groups, error) {
	const root = "/sys/fs/cgroup"
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	path, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "0::")
	if !ok { // lines of v1 hierarchies come first
		return &groups{}, nil
	}
	g := &groups{own: filepath.Join(root, path)}
	aside := filepath.Join(g.own, "lanes")
	if err := os.Mkdir(aside, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(aside, "cgroup.procs"), []byte("0"), 0); err != nil {
		return nil, fmt.Errorf("step aside: %w", err)
	}
	controllers, err := os.ReadFile(filepath.Join(g.own, "cgroup.controllers"))
	if err != nil {
		return nil, err
	}
	for name := range strings.FieldsSeq(string(controllers)) {
		if err := os.WriteFile(filepath.Join(g.own, "cgroup.subtree_control"), []byte("+"+name), 0); err != nil {
			return nil, fmt.Errorf("switch controller %s on: %w", name, err)
		}
	}
	return g, nil
}

// enter adds to argv the words that make what follows them start in a new
// group.
func (g *groups) enter(argv []string, self string) ([]string, error) {
	if g.own == "" {
		return argv, nil
	}
	g.n++
	dir := filepath.Join(g.own, fmt.Sprintf("t-%d", g.n))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	return append(argv, self, inGroup, dir), nil
}

// joinGroup returns only if it failed.
func joinGroup(args []string) (int, error) {
	if len(args) < 2 {
		return 0, fmt.Errorf("%d words, too few", len(args))
	}
	if err := os.WriteFile(filepath.Join(args[0], "cgroup.procs"), []byte("0"), 0); err != nil {
		return 0, fmt.Errorf("join a group: %w", err)
	}
	return 0, fmt.Errorf("execute %s: %w", args[1], syscall.Exec(args[1], args[1:], os.Environ()))
}
