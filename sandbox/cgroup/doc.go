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
// Deliberately absent: the decision what to do about an OOM or a stranger, the
// joining itself (the exec step's), systemd (sandbox/cgroup/scope), and walls.
package cgroup
