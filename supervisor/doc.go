// Package supervisor runs one task to its end: it is the thin loop around the
// pure machine. What the machine decides it writes into the journal, then does;
// what happens it reads from the truth, writes into the journal, then tells the
// machine.
//
//	      shim: bells ──▶ ┌───────────────────────────────────────────┐
//	control.sock: asks ──▶│ loop   learn: read status files           │──▶ journal
//	   alarm: deadline ──▶│        record: journal, then machine      │──▶ shim: spawn,
//	                      │        decide: record, then act ─┐        │    signal, kill,
//	                      │              ▲───────────────────┘        │    seen, clear
//	                      └───────────────────────────────────────────┘
//
// In comes a task's directory, holding task.json; out goes a finished journal. A
// brain may die at any instant, and the next one goes on, because there is one
// way to start, and it is recovery:
//
//	lock ─ task.json ─ replay the journal ─ shim's greeting ─ compare ─ act on what
//	is outstanding ─ hello ─ loop
//
//	no shim lives    what runs have left is buried, a new shim is started, and
//	                 this brain ends when that shim keeps the next one
//	a run the shim   its status is final: judged by that. It has no status: it was
//	does not know    never begun. Else: buried, and LOST
//	a run the        the journal has lost its end: what lives of the run is
//	journal does     killed, and when the machine comes to it again, it is not
//	not know         started a second time but judged by its status
//	a journal or     quarantine: nothing is decided any more, but the task is
//	task.json that   shown, and can be killed. Also if it is no regular file
//	cannot be used
//
// The order is: record, act, tell. Acts that may have been performed before a
// death are repeated; they are idempotent, but for signals, which are sent
// again only where the run's status does not show them delivered.
//
// The status names a signal once, and says neither when nor for whom it was
// sent. A brain that dies between recording a stop and asking the shim for its
// TERM, of a run that already had a TERM from a person, leaves it at that: the
// next brain cannot tell, sends none, and the run is killed at its stop_timeout.
// The other guess would send a second TERM, which means "now" to many programs,
// whenever a brain dies during such a stop: seconds, not an instant.
//
// A full disk stops starts, and nothing else: facts and kills are written from
// the journal's reserve. A fact that fits nowhere stays with the shim, which is
// told that it was seen only when it was recorded. Only while the disk is full
// does the loop look again by itself, every few seconds.
//
// Whoever may write task.json or the journal has anything run as the brain's
// user. A task directory of another user is refused, and so is either file.
//
// Each process' runs are born in a kernel group of their own. What the shim says
// is over is over only when that group is empty too: what is left in it is killed
// (grave.go), waited for, and named if it does not die. Limits and pauses are
// tried before they are recorded, for only trying tells whether they can be had;
// the next brain puts back what the journal says.
//
// What the machine wants asked of checks is asked beside the loop, too (health*.go,
// healthcheck/watch): its answers come over a bell, are gathered, and are recorded
// when the machine says so. One of an earlier run is dropped. A verdict is acted
// upon like any other record, by Decide. On a full disk answers that change
// nothing wait in memory, the last thousand of each check.
//
// One goroutine owns everything; there is no lock. The door (control.sock), the
// alarm, the shim's connection, each kill of a group, the watches of memory and
// disk and each attempt of a check have goroutines of their own, which Run waits
// for; for an attempt that does not end when it is told to, 50 ms.
//
// Deliberately absent: the rules (supervisor/machine), the files' formats
// (supervisor/journal, supervisor/shim), the word Mesos, and any recovery from
// a panic: the shim starts the next brain.
package supervisor
