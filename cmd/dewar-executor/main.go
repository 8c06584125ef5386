// Dewar-executor is the brain: it drives one task, whose shim keeps it running.
//
//	dewar-executor <task dir>
//	dewar-executor --version
//
// It is not for people to start: dewar run does that, through dewar-shim.
//
// Environment: DEWAR_PATH is the PATH of the processes of a task whose task.json
// says none, because an older version wrote it, and LANG and TZ are passed on to
// them; DEWAR_MOST_SNOOZE is for how long people may snooze checks at the most (72h),
// instead of 24 hours; DEWAR_LIBEXEC is the directory of the shim's program, which
// is otherwise looked for beside this one and where programs are installed.
//
// Exit status: 0 the task is finished, or a new shim has been started for it;
// 5 another brain drives the task; 100 misuse; 111 the system failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/dewarhq/dewar/supervisor"
	"github.com/dewarhq/dewar/supervisor/evidence"
	"github.com/dewarhq/dewar/task"
)

// version is set by the linker.
var version = "dev"

const (
	exitDone   = 0
	exitHeld   = 5
	exitMisuse = 100
	exitSystem = 111
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 1 && args[0] == "--version" {
		fmt.Println("dewar-executor", version)
		return exitDone
	}
	if len(args) == 2 && args[0] == evidence.Word { // a brain wants to know something that may hang
		return evidence.Main(args[1])
	}
	if len(args) != 1 || len(args[0]) > 0 && args[0][0] == '-' {
		return fail(fmt.Errorf("%w: say dewar-executor <task dir>", supervisor.ErrMisuse))
	}
	frugal()
	signal.Ignore(syscall.SIGXFSZ) // a file that may grow no further is a full disk
	c, err := config(args[0])
	if err != nil {
		return fail(err)
	}
	return fail(supervisor.Run(context.Background(), c))
}

// frugal keeps the heap close to what is in use: a brain has little to do and
// lives long, one per task. It is one loop; a second core would only be woken up
// to hand things over (a fifth more time per run, measured).
func frugal() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

func config(dir string) (supervisor.Config, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return supervisor.Config{}, fmt.Errorf("find the task's directory: %w", err)
	}
	own, err := os.Executable()
	if err != nil {
		return supervisor.Config{}, fmt.Errorf("find the brain's own program: %w", err)
	}
	return supervisor.Config{
		Dir:         task.Dir(abs),
		ShimBinary:  shimBinary(filepath.Dir(own)),
		BrainBinary: own,
		Version:     version,
		Path:        os.Getenv("DEWAR_PATH"),
		Lang:        os.Getenv("LANG"),
		TZ:          os.Getenv("TZ"),
		Log:         os.Stderr,
		MostSnooze:  mostSnooze(os.Getenv("DEWAR_MOST_SNOOZE")),
		Crash:       crash(),
	}, nil
}

// mostSnooze reads a length of time; empty is the default, and so is what is none,
// which is said: it is no reason for a task to go without a brain.
func mostSnooze(text string) task.Duration {
	if text == "" {
		return 0
	}
	d, err := task.ParseDuration(text)
	if err != nil || d <= 0 {
		fmt.Fprintf(os.Stderr, "dewar-executor: DEWAR_MOST_SNOOZE is %s, which is no length of time, as 72h\n", task.Quote(text))
		return 0
	}
	return d
}

// shimBinary is where the shim's program is. That it is missing is said when it
// is needed.
func shimBinary(own string) string {
	dirs := []string{own, "/usr/libexec/dewar", "/usr/bin"}
	if set := os.Getenv("DEWAR_LIBEXEC"); set != "" {
		dirs = []string{set}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, "dewar-shim")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return filepath.Join(dirs[0], "dewar-shim")
}

func fail(err error) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(os.Stderr, "dewar-executor: %v\n", err)
	switch {
	case errors.Is(err, supervisor.ErrHeld):
		return exitHeld
	case errors.Is(err, supervisor.ErrMisuse):
		return exitMisuse
	}
	return exitSystem
}
