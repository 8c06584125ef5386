// Package launch makes a task's directory, starts what keeps the task, wakes
// it after a crash or a reboot, asks it to end when nobody answers, and removes
// what is old.
//
// In comes a bound task (task.Launch) or the directory of a task; out go
// directories, and processes that outlive the caller. Deliberately absent:
// every rule by which a task runs (supervisor/machine), reading what became of
// it (observer), and talking to a living brain (supervisor/control).
//
//	Make    <root>/<id>+<random>/   made, locked, task.json written and fsync'ed
//	        <root>/<id>/            by one rename: a directory that has a task's
//	                                name has a whole task.json, and no two
//	                                callers get the same name
//	Start   dewar-shim <dir> -- dewar-executor <dir>, in a session of its own
//	Wake    Start, unless a shim or a brain lives; then wait until the brain
//	        answers (inotify on the directory, with a deadline)
//	Shutdown the file `shutdown`, then TERM to the shim: for a task whose brain
//	        does not answer
//	Sweep   which finished tasks go (a pure choice), and their removal under
//	        both locks, never following a link
//
// The '+' of a half-made directory is in no task id, so readers pass over it;
// Sweep removes those whose maker is dead.
package launch
