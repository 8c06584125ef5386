package client

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// StartShim starts the shim of a task, in a session of its own, with the brain
// that it is to keep. It returns when the program runs, not when it has taken
// the lock: a shim that finds the task held by another ends with code 5.
// What the shim and, with destination console, the processes print goes to the
// task's console file. Our own environment is theirs, but for what marks a process
// as one of a task: should we be one, the new shim would be taken for another.
// Both paths are absolute. Nobody waits for the shim: whoever calls this ends
// before it, or keeps a zombie.
func StartShim(dir task.Dir, shimBinary, brainBinary string) error {
	console, err := os.OpenFile(dir.Console(), os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return fmt.Errorf("start the shim of %s: %w", dir, err)
	}
	defer console.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("start the shim of %s: %w", dir, err)
	}
	defer null.Close()
	_, err = syscall.ForkExec(shimBinary, []string{shimBinary, string(dir), "--", brainBinary, string(dir)}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   shim.Tuned(unmarked(os.Environ())),
		Files: []uintptr{null.Fd(), console.Fd(), console.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start the shim of %s: execute %s: %w", dir, shimBinary, err)
	}
	return nil
}

func unmarked(env []string) []string {
	return slices.DeleteFunc(env, func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "DEWAR_TASK_ID", "DEWAR_PROCESS", "DEWAR_RUN", "NOTIFY_SOCKET":
			return true
		}
		return false
	})
}
