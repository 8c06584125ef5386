// Package container is the brain's side of the stronger walls: it says for one
// run what dewar-container is to build, and reads whether it could. It builds
// nothing itself, and leads to none of the libraries that do.
//
// In comes a run: its command, whom it runs as, and the task's Isolation. Out
// go two files in the run's directory, and the command that the shim executes
// instead of the user's, as root, in the run's group:
//
//	runs/<process>/<n>/walls       JSON, Walls: what is to be built
//	runs/<process>/<n>/unstarted   a sentence; there until the user's command may run
//
//	dewar-container run <task dir>/runs/<process>/<n>
//
// # Could not be started
//
// Of a run with walls the shim's R, and the status running, say only that
// dewar-container was executed. So the brain puts the file unstarted into the
// run's directory with the walls, before it asks for the run. dewar-container
// replaces the sentence by a better one where it can, and removes the file when
// all that can fail has been done and the next instruction is the user's. An
// end with the file there, however it came about (a library's exit status, no
// memory, KILL), is "could not be started", with the file's sentence; an end
// without is the user's command's, whatever its status. One case puts the file
// back: an execve that failed.
//
// # Whose is what
//
// There is nothing that lives longer than the runs, and so nothing to recover:
//
//	the task's    /tmp (its sandbox/.tmp), /dev/shm (a directory in the machine's), the
//	              unpacked root file system, and the ipc, uts and network namespaces: a run joins those
//	              of another run of the task that lives, or makes them
//	the run's     pid and mount namespace, init; what it leaves behind ends with it
//
// A process sees itself and its children in /proc, not the task's other
// processes. Signals are the exception to "nothing to do": see package main of
// cmd/dewar-container.
//
// Deliberately absent: control groups (the run is born in its own; from inside
// they can be read at most), user namespaces, images and networks of one's own.
package container
