// Package usage says what a task and its processes use now, from the kernel's
// own books, without asking any brain.
//
// In comes a task as its directory describes it; out goes a Sample: counters
// and gauges, by process. Rates come from two samples:
//
//	groups file ── cgroup.Open ──▶ Usage of task/ and of each leaf ─┐
//	                                                                ├─▶ Sample ─┐
//	no groups ──── the runs' process trees, by gopsutil ────────────┘           ├─ Between ──▶ Figures
//	                                                         the Sample before ─┘
//
// What the kernel does not say is -1 here too, and absent in JSON. Counters may
// begin anew (a group was made again), and processes come and go: what is lost
// that way is never shown as a negative rate.
//
// Whoever samples again and again keeps a Meter, as a Sampler does for every task:
// it leaves files open, and costs a fifth.
//
// Without groups a process' figures are the sums over what lives of its tree:
// memory is resident memory, so what is shared counts more than once, and there
// are no limits and no pressure.
//
// Deliberately absent: drawing, and any sleeping: who calls decides when.
package usage
