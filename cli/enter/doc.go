// Package enter runs a command in the place of a process of a task: as its
// user, with its directory, environment, umask, limits and groups.
//
// In comes a View of a task whose process runs; out goes the command's exit
// status. Who may do what is the kernel's to say: there is nothing here that the
// caller could not do without it.
//
//	dewar exec ─┬─ fork ▶ dewar exec-step ─ joins the groups, becomes the user ─ execve ▶ CMD
//	            │            ▲ 3: what is to be done   │ 4: R, or a sentence
//	            └────────────┴─────────────────────────┘
//
// The step is our own program once more, because no fork of Go's can do what it
// does. Once it stands in the task's groups it makes system calls only: a limit
// that is hit there must not end the Go runtime in words of its own.
//
// # Whose the command is
//
// It is a child of ours and not of the shim: no run, no descendant of one, in a
// session of its own. The shim never counts it, nor does its end end anything.
// But it stands in the group of its process: it pays from the same limits,
// stands still with them, and is killed with the group when the run is cleared
// away or the task ends, so that no end of a task is proven while it lives. It
// bears the run's marks in its environment, so a brain that cleans up after a
// dead shim finds it too. It is killed when we die. Without groups nothing but
// the last two ends it.
//
// Of a task with walls dewar-container does all of that (its verb enter).
//
// Deliberately absent: flags, and finding tasks.
package enter
