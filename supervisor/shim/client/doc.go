// Package client is the brain's side of the shim: it connects, asks, hears
// bells, and reads and writes the files of runs. It also does what must be
// done when a shim has died: bury what it left, start another.
//
// In: a task's directory, run ids, specs. Out: answers, bells, statuses.
// The protocol and the formats are described in package shim.
//
// Absent on purpose: any decision. Whether an ended run counts as a failure,
// and what happens next, is the machine's business. Nothing here retries.
package client
