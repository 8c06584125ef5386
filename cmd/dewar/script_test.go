package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/programs"
)

// TestScripts runs testdata/script/*.txt against the programs as a user would
// have them. Beyond testscript's own commands a script has
//
//	status N program arg…    runs it and wants exit status N
//	until program arg…       runs it until it succeeds, for ten seconds at most
//	json FIELD WANT          wants a field of the JSON that was last printed on
//	                         stdout; FIELD is a path such as processes.0.name
//	holder FILE VAR          sets VAR to the pid that holds the lock FILE
//	lock FILE, unlock FILE   holds the lock FILE, as a shim or a brain does
//	damage FILE OFFSET       changes the byte there
//	kill-keepers TASK        kills shim and brain of TASK, and waits until none lives
//
// and the conditions [root] and [user].
func TestScripts(t *testing.T) {
	bin := programs.Dir(t)
	var held locks
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Deadline:            time.Now().Add(2 * time.Minute),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(env *testscript.Env) error { return setUp(env, bin) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": wantStatus, "until": until, "json": wantField, "holder": holder, "kill-keepers": killKeepers, "damage": damage,
			"lock": held.lock, "unlock": held.unlock,
		},
		Condition: condition,
	})
}

func setUp(env *testscript.Env, bin string) error {
	root := filepath.Join(env.WorkDir, "tasks")
	who, err := user.Current()
	if err != nil {
		return err
	}
	env.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	env.Setenv("DEWAR_ROOT", root)
	env.Setenv("USER", who.Username)
	env.Setenv("BIN", bin)
	env.Defer(func() { endAll(bin, root) })
	return nil
}

// endAll ends what a failed script has left running. What the directory
// itself refuses is nobody's concern any more.
func endAll(bin, root string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, e := range entries {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_ = exec.CommandContext(ctx, filepath.Join(bin, "dewar"), "--root", root, "kill", "--now", e.Name()).Run()
		cancel()
		for _, lock := range []string{task.Dir(filepath.Join(root, e.Name())).ShimLock(), task.Dir(filepath.Join(root, e.Name())).Lock()} {
			if pid, err := shim.Holder(lock); err == nil && pid > 1 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Geteuid() == 0, nil
	case "user":
		return os.Geteuid() != 0, nil
	}
	return false, fmt.Errorf("there is no condition %q", cond)
}

func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program arg…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := run(ts, args[1:]); got != want {
		ts.Fatalf("%s: exit status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// run is the exit status of a program, whose output is kept for the script.
func run(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(10 * time.Second); run(ts, args) != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s: it does not succeed", strings.Join(args, " "))
		}
	}
}

func wantField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json FIELD WANT")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
	for step := range strings.SplitSeq(args[0], ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				ts.Fatalf("there is no %s in a list of %d", step, len(v))
			}
			value = v[i]
		default:
			ts.Fatalf("there is no %s in %v", step, value)
		}
	}
	if got := fmt.Sprint(value); (got == args[1]) == neg {
		ts.Fatalf("%s is %q, %q was wanted (not: %v)", args[0], got, args[1], neg)
	}
}

func holder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: holder FILE VAR")
	}
	pid, err := shim.Holder(ts.MkAbs(args[0]))
	ts.Check(err)
	if pid == 0 {
		ts.Fatalf("nobody holds %s", args[0])
	}
	ts.Setenv(args[1], strconv.Itoa(pid))
}

// locks are those that scripts hold, by file.
type locks struct{ held sync.Map }

func (l *locks) lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock FILE")
	}
	lock, err := shim.Lock(ts.MkAbs(args[0]))
	ts.Check(err)
	l.held.Store(ts.MkAbs(args[0]), lock)
}

func (l *locks) unlock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unlock FILE")
	}
	lock, ok := l.held.LoadAndDelete(ts.MkAbs(args[0]))
	if !ok {
		ts.Fatalf("%s is not held", args[0])
	}
	ts.Check(lock.(*shim.LockFile).Close())
}

// killKeepers kills until neither lives: a brain whose shim is gone starts
// another, and a shim starts another brain.
func killKeepers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: kill-keepers TASK")
	}
	dir := task.Dir(filepath.Join(ts.Getenv("DEWAR_ROOT"), args[0]))
	free := time.Now() // since when nobody has kept it
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		k, err := launch.WhoKeeps(dir)
		ts.Check(err)
		if k != (launch.Keepers{}) {
			free = time.Now()
		} else if time.Since(free) > 100*time.Millisecond { // no shim is just being started
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s is still kept: %+v", args[0], k)
		}
		for _, pid := range []int{k.Shim, k.Brain} {
			if pid > 1 {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have gone by itself
			}
		}
	}
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: damage FILE OFFSET")
	}
	path := ts.MkAbs(args[0])
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	text, err := os.ReadFile(path)
	ts.Check(err)
	text[at] ^= 0xff
	ts.Check(os.WriteFile(path, text, 0o640))
}
