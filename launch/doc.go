// Package launch makes a task's directory, starts what keeps the task, wakes
// it after a crash or a reboot, asks it to end when nobody answers, and removes
// what is old.
//
// In comes a bound task (task.Launch) or the directory of a task; out go
// directories, and processes that outlive the caller. Deliberately absent:
// every rule by which a task runs (supervisor/machine), reading what became of
// it (observer), and talking to a living brain (supervisor/control).
//
//	Prepare  an order, as a person gives it, becomes a bound task; Compare
//	         says how one differs from a task that was launched
//	Make     <root>/<id>+<random>/   made, locked, task.json written and fsync'ed
//	         <root>/<id>/            by one rename: a directory that has a task's
//	                                 name has a whole task.json, and no two
//	                                 callers get the same name
//	Start    dewar-shim <dir> -- dewar-executor <dir>, in a session of its own;
//	         Wake does it only if neither a shim nor a brain lives; MayKeep
//	         says who must not: whoever does not own the directory; and where
//	         nobody may: where no task.json is
//	Ask      makes a request of the brain, and waits (inotify, with a deadline)
//	         for one that is being started
//	Kill     asks for the end; if no brain answers by Shutdown: the file
//	         `shutdown`, then TERM to the shim
//	Choose   which finished tasks go, a pure choice; Remove takes both locks
//	         first, and never follows a link
//
// The '+' of a half-made directory is in no task id, so readers pass over it;
// RemoveHalfMade removes those whose maker is dead, and nothing that only looks
// a little like one.
package launch
