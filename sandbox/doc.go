// Package sandbox makes the place a task lives in, and says what a process
// sees there: directories, owner, environment, command line.
//
// In comes a task's directory, the user that its processes run as, and one
// process of the task; out go directories on disk, and values (a User, an
// environment, an argv) for the shim's spec file.
//
//	<task dir>/            ours
//	  sandbox/             the user's, 0700; cwd and HOME
//	    .tmp/              the user's; TMPDIR
//	    .logs/<p>/<n>/     made by the shim for each run, dropped by Prune
//	    .thermos_profile   the user's; BASH_ENV if it is a regular file
//
// What is below sandbox/ may be a trap that the user has laid for root: nothing
// there is opened, made or removed but through an os.Root, and nothing there
// ever changes its owner or mode once the sandbox belongs to the user.
//
// Where a task's control groups are, and what its disk holds, are two files
// beside the sandbox (groups, disk) that this package reads and writes; what they
// speak of is made by the packages beneath: cgroup, disk, container.
//
// Deliberately absent: when any of it is made, limited or killed, which is the
// supervisor's to decide, and the log files themselves, which the shim opens.
package sandbox
