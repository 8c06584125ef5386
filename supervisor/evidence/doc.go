// Package evidence writes down what a run looked like when it was about to be
// killed for health or because a stop had timed out, when memory had run out, or
// when it had died with a core file: for whoever asks later what it hung in.
//
//	runs/<process>/<n>/evidence/<why>/     why: health, stop-timeout, oom, core
//	    reason.txt       what happened, when this was gathered, what is missing of it and why
//	    answers.json     the last answers of the run's checks, the oldest first
//	    groups.txt       statistics and pressure of the run's kernel group, the task's, and the machine
//	    stdout.tail      the end of the run's logs, 1 MiB of each at most, as they are
//	    stderr.tail
//	    procs.txt        every process: state, wait channel, threads; then of each, the main one first,
//	                     its program, limits, kernel stacks and open files, up to 1.5 MiB
//	    sockets.txt      the sockets these have open, with their queues
//	    capture.txt      what the check's capture command said, 512 KiB of it at most
//	    cmdlines.txt     every process' command line
//
// In comes a Case; out goes such a directory, whole under its name or not there.
// It takes no longer than the context lasts, whatever the processes do, and less
// than 5 MB. What is not done by then is missing, and reason.txt says so.
//
// The kernel may hold up whoever reads what a process has in its memory, such as
// its command line, for as long as the process likes: while one of its threads
// waits for a file system that does not answer, and another for the memory's lock.
// Kernels before 4.17 let nobody kill him who waits so, and his locks stay. So all that is asked of processes and of their logs
// is asked by a child, which has no locks: Gather starts its own program with the
// argument Word, and that calls Main. A child that is late is killed, and not
// waited for if it does not die.
//
// The directory is ours and cannot be written to by the task's user, who may read
// it (an access list says so; where the file system has none, only we may). Logs
// lie in that user's hands, and are read as sandbox.LogEnd does: a link leads
// nowhere. Environments are left out: they hold secrets. What logs and command
// lines hold is in the bundle as well.
//
// Gathered again for the same run and reason, it replaces what was there. Nothing
// is gathered onto a disk with less than 16 MiB of room.
//
// Deliberately absent: when it is done and for how long (supervisor), and which
// bundles are kept (supervisor/machine).
package evidence
