// Package observer finds and reads tasks on this host from their directories
// alone. It trusts no brain: it folds the journal itself, asks the kernel who
// holds the locks, and says what of a directory makes no sense.
//
// In come a directory of tasks or of one task; out go views, records, changes
// and log lines. Whatever is in a task's directory, or is missing, there is a
// view that says so and no panic; other tasks are not affected. Deliberately
// absent: writing anything at all, talking to a shim or a brain, the rules by
// which a task runs (supervisor/machine folds), and all formatting. Pages,
// JSON and metrics will come beside this reading part.
//
//	                 shim.lock, lock ── F_GETLK ──▶ who keeps the task
//	<task dir>/      task.json ───┐
//	                 journal ─────┴─ fold ────────▶ machine.State         ──▶ View
//	                 brain-failing, shutdown ─────▶ what troubles it
//	                 runs/<process>/<n>/status ───▶ Statuses, when asked
//	                 sandbox/.logs/… ─────────────▶ Tail, LastLine
//
// # Order
//
// The locks are asked for before the journal is read. A task that nobody
// keeps writes no more, so one that looks orphaned (Orphaned) has not just
// ended. Between the death of a shim and the start of the next nobody holds a
// lock for some milliseconds either.
//
// # Following
//
// Follow and Tail wait on inotify and wake for nothing else: appends to the
// journal, its replacement, locks that are let go (their files are closed),
// and what comes, goes or is renamed. The journal may come later than its
// follower; a directory that goes ends it.
//
// # Other people's files
//
// The sandbox belongs to the task's user. Below it every component of a path
// is opened without following links, and what is not a regular file is
// refused before anything waits for it.
//
// Asking who holds a lock opens and closes its file, which drops a POSIX lock
// that the asking process itself holds. Who holds a task's locks must use
// ReadHeld.
package observer
