// Package cgroup makes a kernel group as few verbs over v1, v2 and hybrid
// hierarchies: make, limit, born inside, usage, events, freeze, kill until
// empty, remove.
//
// In come the machine as /proc/self describes it, a name for the task, and
// limits in the units of people (cores, bytes); out go directories of the
// kernel's, and what it says about them. The kernel keeps the books: a Place is
// the only thing to write down, and everything else is read from it again.
//
//	<own group>/dewar-<hash>/      one of these in each hierarchy that is used
//	  ctl/                         the brain and the shim
//	  task/                        the task's limits
//	    p-<name>/                  one leaf a process
//	  checks/                      exec checks, beside the task's limits
//	    p-<name>/                  one leaf a check
//
// Which hierarchy serves for what:
//
//	         limits and usage     containment, kill, freeze    entering
//	v2       unified              unified                      cloned into
//	hybrid   v1 (or unified,      unified                      cloned into, and
//	         where it has the                                  the exec step joins v1
//	         controller)
//	v1       v1                   freezer (or any)             the exec step joins
//
// A process' life in its group: Make, Limit, Entry, started; Kill; Make again
// before the next run. In the end Tree.StepHome, where the kernel lets us, and
// Tree.Remove. One who stands in ctl/ below a delegated group of v2 cannot step
// back: his last group goes with his scope, or by whoever comes after him.
//
// # Why not containerd/cgroups
//
// Its import alone (v3.1.3, cgroup1 and cgroup2) made the brain's binary 12.0 MB
// instead of 7.2, and the brain 10.3 MB (PSS) instead of 7.5: it leads to eBPF,
// protobuf, D-Bus and logrus. A task may cost 12 MB with its shim, and brain and
// shim would have had 11.7 of these before anything was done. What it would have
// been used for is also what could not have been left to it:
//
//	cgroups.Mode                 looks at /sys/fs/cgroup only; here any mount counts
//	cgroup2.NewManager           hands all controllers down in one write, which one that
//	                             is missing spoils; of several errors the last is kept
//	cgroup2.Manager.Update       its errors do not have the value; it lowers memory.max
//	                             below what is used, and the kernel kills
//	cgroup2.Manager.Kill         does not wait for emptiness; where it falls back, before
//	                             5.14, errors are logged and dropped
//	cgroup2.Manager.Freeze       tries every millisecond, without end
//	cgroup2.Manager.Delete       tries five times, on a timer
//	cgroup2.Manager.Stat         reads and keeps everything; 300 groups must cost 5 ms
//	cgroup2.Manager.EventChan    an inotify instance a group, of 128 that a user has
//	cgroup1.New                  makes groups in every hierarchy that there is, and
//	                             leaves out without a word those that are not there
//	cgroup1 Update               its errors do not have the value
//	cgroup1 Freeze               tries every millisecond, without end: D state hangs it
//	cgroup1 Delete               tries five times, on a timer
//	cgroup1 RegisterMemoryEvent  what Watcher.OOM does; the only one that could have served
//
// What is taken from it: a small file for each controller, a resource as a list
// of files and values, errors that quote what was written.
//
// # What costs what
//
// Opening a kernel file costs five times what reading it does, and what counts in
// reading is how many files there are: each is a handful of cold cache lines. So a
// Meter keeps them open, and leaves out what cannot have changed (pressure, where
// nobody in the group above waited) or seldom does (limits). 100 tasks of 3
// processes, 400 groups, take two thirds of the time that reading all files of
// the 300 leaves takes, which is 5 to 7 ms of CPU on hybrid; opened each time
// these take 14 to 24. Making a leaf and writing four limits takes 0.2 ms.
//
// Entering a hierarchy of v1 takes 0.05 ms, but 8 to 12 for the first in a while
// through cgroup.procs (an RCU grace period): whoever has one thread only writes
// "0" into tasks instead, which since Linux 5.5 waits for nobody.
//
// Deliberately absent: the decision what to do about an OOM or a stranger, the
// joining itself (the exec step's), systemd (sandbox/cgroup/scope), and walls.
package cgroup
