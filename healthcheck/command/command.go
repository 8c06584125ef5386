package command

import (
	"context"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
)

// Place is where a command runs: in the place of a run, or of the task as a
// whole.
type Place struct {
	// Spec is the run's, without walls: whose, where, environment, umask, limits
	// and priorities. Its command, logs, socket and groups are not looked at.
	Spec shim.Spec
	Main int    // pid of the run's main process, which becomes DEWAR_PID; 0: there is none
	Run  string // the run's directory if it has walls, behind which the command goes; else empty
}

// Command is what is run. Exactly one of Shell and Argv.
type Command struct {
	Place
	Name  string   // of its group, at most 200 bytes; no other of this name runs at the same time
	Shell string   // run by /bin/bash -c
	Argv  []string // executed without a shell
	Env   []string // NAME=value beside, and instead of, the place's
	Keep  int      // how many bytes of the end of its output are kept; 0: 4096
}

// Result is how a command ended.
type Result struct {
	Exit   int            // its exit status, or -1: Signal, Late or Why say more
	Signal syscall.Signal // that ended it, but for ours at the deadline; else 0
	Late   bool           // its time was over: it was killed
	Cut    bool           // it was killed because the runner or the asker was closed
	Memory int64          // something of it was killed for want of memory, at this limit in bytes; else 0

	Why  string // why it was not executed, a sentence; empty: it was
	Ours bool   // of Why: it is not the command's fault, and another time may be better
	Gone bool   // of Why: there is no such program, or it may not be executed

	Output []byte        // the end of stdout and stderr, mixed as they came
	Took   time.Duration // until its main process had ended, or its time was over
}

// OK says that it ended with exit status 0.
func (r Result) OK() bool { return r.Exit == 0 }

// Runner runs the commands of one task. Its methods may be called from anywhere;
// no goroutine of it lives while no command does.
type Runner struct{}

// Open kills and removes what is left in checks/, by an earlier brain most
// likely, and gets ready. A nil tree is a task without groups. container is where
// dewar-container is; it is used for places with walls only. An error means that
// something there does not die by the end of ctx, or that no group can be made.
func Open(ctx context.Context, tree *cgroup.Tree, container string) (*Runner, error) {
	return &Runner{}, nil
}

// Run runs a command until it ends, its deadline, or Close, and comes back at
// most 50 ms later. What it has left behind has been killed then, and seen dead if
// the kernel was quick.
func (r *Runner) Run(c Command, deadline time.Time) Result {
	return Result{Exit: -1, Why: "commands cannot be run yet", Ours: true}
}

// Asker asks by running a command; its phase is always healthcheck.Exec, its
// excerpt the end of the output.
func (r *Runner) Asker(c Command) healthcheck.Asker { return nil }

// Close kills every command that runs, and waits until they are gone, or, of one
// that does not die, a moment.
func (r *Runner) Close() error { return nil }
