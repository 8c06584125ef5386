// The runtime is not to watch the CPU limit, nor keep its files open:
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command dewar-shim is the resident parent of a task's processes. See package
// shim.
package main

import (
	"runtime"
	"syscall"

	"github.com/dewarhq/dewar/supervisor/shim"
)

// The parent-death signal of a child comes when the thread ends that forked
// it: every fork is done by the first thread, which ends last.
func init() { runtime.LockOSThread() }

// version is set when the program is built: see the Makefile.
var version = "dev"

func main() {
	args := shim.Args()
	if len(args) == 2 && args[1] == "--version" {
		if _, err := syscall.Write(1, []byte("dewar-shim "+version+"\n")); err != nil {
			syscall.Exit(shim.ExitSystem)
		}
		return
	}
	syscall.Exit(shim.Main(args, syscall.Environ()))
}
