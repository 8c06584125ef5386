//go:build linux && cgo

// dewar-container builds the walls of one run with libcontainer, and starts the
// run's command behind them. It is the one program of Dewar that needs cgo, for
// namespaces cannot be changed once the Go runtime has threads; without cgo it
// is not built, and only tasks with walls miss it.
//
//	dewar-container run RUNDIR              executed by the shim instead of the run's command
//	dewar-container enter [--beside] RUNDIR [NAME=VALUE… --] CMD…
//	                                        a further command inside of a run that lives
//	dewar-container version
//
// What is to be built is in RUNDIR/walls, whether it was is in
// RUNDIR/unstarted: see package sandbox/container, which writes the one and
// reads the other.
//
//	shim ── dewar-container run ──▶ (builds) ── execve ──▶ @hold      the run's main process, C, outside
//	                                  └─ libcontainer's init ─ execve ▶ @init    pid 1, C, the user's ids
//	                                                                    └─ the command
//
// Without a pid namespace of its own (pid: host) there is no init, and the
// command itself is @hold's child. HOLD and INIT stay as long as the run; they
// are forms of this same binary that never start the Go runtime (start.c).
//
// # Signals
//
// A signal that everything of the run gets (the shim's "group") reaches the
// command by itself, and is not passed on; one for the main process alone
// (queued by the shim, or from a stranger) is. The end is told by the same: an exit status is
// repeated, a deadly signal is raised again. What the command leaves behind gets
// TERM, and KILL one second later, or when @hold or @init dies: by the
// parent-death signal, and as members of the namespace.
//
// # Enter
//
// enter runs CMD (default /bin/sh) as the run's user, with its ids,
// capabilities, filter, environment (and TERM of the caller), working directory,
// namespaces and control groups. The caller gives descriptors 0 to 2; if 0 is a
// terminal that no session has yet, it becomes CMD's controlling one. The exit
// status or signal is CMD's; 100 is a misuse and 111 a failure before it ran,
// with a sentence on stderr. CMD ends with the namespace, or with us. With
// --beside it stays in the control groups that we are executed in, which are a
// check's; and then it has DEWAR_PID, the run's main process as it is seen inside.
// NAME=VALUE stand for the run's of these names.
//
// Exit status of run: the command's, or, if the file unstarted is there, 100 or 111.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/opencontainers/runc/libcontainer"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // its constructor enters namespaces before Go has threads
	"golang.org/x/sys/unix"
)

const (
	exitMisuse = 100
	exitSystem = 111
)

// version is set by the linker.
var version = "dev"

// A parent-death signal is sent when the thread ends that has forked: ours has
// to be the first one, which goes on as @hold. Only here can it be had.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) == 2 && os.Args[1] == "init" {
		// libcontainer's init would wait for ever for one who has been killed.
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
			fmt.Fprintln(os.Stderr, "set the parent-death signal:", err)
			os.Exit(exitSystem)
		}
		libcontainer.Init()
	}
	os.Exit(dispatch(os.Args[1:]))
}

func dispatch(args []string) int {
	switch {
	case len(args) == 2 && args[0] == "run":
		return runMain(args[1])
	case len(args) >= 3 && args[0] == "enter" && args[1] == "--beside":
		return enterMain(visitOf(args[2], args[3:], true))
	case len(args) >= 2 && args[0] == "enter":
		return enterMain(visitOf(args[1], args[2:], false))
	case len(args) == 1 && args[0] == "version":
		fmt.Println("dewar-container", version)
		return 0
	}
	fmt.Fprintln(os.Stderr, "dewar-container is started by dewar-shim (run RUNDIR) and dewar exec (enter RUNDIR -- CMD)")
	return exitMisuse
}
