// Package command runs commands in the place of a task's processes: exec checks,
// what is done before a process is stopped, what is captured before it is killed.
//
// In come a Place (whose it is, where, in which environment, behind which walls)
// and a Command; out goes a Result, or the Answer of a check, by its deadline,
// whatever the command does.
//
//	Runner ── fork ▶ (in checks/p-<name>) ─ becomes the user ─ execve ▶ the command
//	   ▲  ring of its output ◀── pipe ── stdout, stderr of all that it starts
//	   └─ its end, or the deadline: the group is killed and seen empty
//
// A command is started as a run is, by the same list of system calls (package
// supervisor/shim), but as a child of the brain: no run, in a session of its own,
// with /dev/null as stdin. It is born into a group in checks/, beside the task's:
// what it takes is not the task's, and is bounded by sandbox.CommandBudget. When
// its main process ends, or its time is over, the group is killed as one. The
// brain reaps what it has forked; what that leaves behind becomes the shim's,
// which reaps. Should the brain die, the kernel kills the main process, and the
// next brain's Open the rest.
//
// Without groups, what belongs to a command are its session and whoever has its
// mark DEWAR_COMMAND in the environment that he was executed with.
//
// # What an answer says
//
//	ok             exit status 0, whatever is still running then: that is killed
//	fail           another exit status; a signal; out of memory; its time was over
//	inconclusive   we could not start it (no processes, memory or descriptors left on
//	               our side, a run that is just ending), or what the attempt before
//	               left behind has not died yet
//	misconfigured  there is no such program, or it is not executable, and no process
//	               of the task can change that: one that is in the sandbox, or is
//	               named relative to it, may still be made by the task, so there it
//	               is a failure
//
// Deliberately absent: when to ask (watch), what follows from answers (judge), and
// whose place it is to be: the caller says that.
package command
