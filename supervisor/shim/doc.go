// Package shim is the resident parent of a task's processes: it starts runs
// when the brain asks, waits for them, records their ends, carries their logs,
// reaps, and keeps the brain running. It also holds the wire and file formats that
// shim and brain share.
//
// In: the files spec and shutdown, requests on shim.sock, signals, the ends of
// children. Out: the files status, brain-failing, brain.log, logs; answers and
// bells on shim.sock.
//
// Absent on purpose: every decision. The shim knows no task file, no journal,
// no order, no retry; it never starts a run by itself, and never signals one by
// itself but for what remains of a session, and for a task that is to end while
// no brain works or answers. It must not die, so it is one loop on one thread
// over one epoll set and one deadline (loop.go), with nothing in it that could
// wait.
//
// # The protocol, version 1
//
// A stream socket, <task>/shim.sock, mode 0600, for one brain at a time: a new
// connection of our own uid ends the old one, unread requests included. A frame
// is a length (4 bytes, big endian, of what follows, at most 4092) and fields,
// each ended by a NUL. What is not a frame is answered no and ends the
// connection.
//
//	brain                                     shim
//	  │ ───────────── connect ────────────────▶ │
//	  │ ◀─ hello VERSION PID START BRAIN ────── │  the shim's pid and start time, its brain's pid
//	  │ ◀─ run DIR STATE PID ────────────────── │  one for each run that is not yet seen
//	  │ ◀─ strays N ─────────────────────────── │  orphans of no known run
//	  │ ◀─ listed ───────────────────────────── │
//	  │ ── hello VERSION ─────────────────────▶ │  this brain works        ok
//	  │ ── spawn DIR ─────────────────────────▶ │  start it, once          ok | no: could not be started
//	  │ ── signal DIR NUMBER group|main ──────▶ │  record, deliver         ok | no
//	  │ ── kill DIR ──────────────────────────▶ │  until nothing of it lives  ok | no
//	  │ ── clear ─────────────────────────────▶ │  until nothing of the task lives  ok
//	  │ ── seen DIR ──────────────────────────▶ │  forget it               ok | no: it has not ended
//	  │ ── list ──────────────────────────────▶ │  hello, run …, strays, listed
//	  │ ── end ───────────────────────────────▶ │  end when the brain has  ok | no: something lives
//	  │ ◀─ ok │ no SENTENCE ─────────────────── │  in the order of the requests
//	  │                                         │
//	  │ ◀─ bell started DIR ─────────────────── │  execve has succeeded
//	  │ ◀─ bell ready DIR ───────────────────── │  READY=1 on $NOTIFY_SOCKET (WATCHDOG=1 rings none: file watchdog)
//	  │ ◀─ bell ended DIR ───────────────────── │  the status is final
//	  │ ◀─ bell emptied DIR ─────────────────── │  what it had left behind is gone
//	  │ ◀─ bell cleared ─────────────────────── │  clear is done
//	  │ ◀─ bell shutdown ────────────────────── │  the file shutdown is there: ask for anything
//	  │ ◀─ bell list ────────────────────────── │  bells were lost: ask for a list
//
// Every request may be repeated. Bells are lossy (of a brain that does not read
// 32 KB of them, all further ones of runs are dropped until it does, and then it
// hears bell list) and redundant: the status files are the truth. A run that ends
// before the shim has noticed its start rings ended only; its status has
// started_boot. Answers are never dropped: with 128 KB of them unread, requests
// wait.
//
// # The files
//
// Both are fields key=value, each ended by a NUL; empty fields are padding,
// unknown keys are skipped; version=1 comes first and end=1 last, so that a file
// that was cut off is known for one.
//
// runs/<process>/<n>/spec, written by the brain:
//
//	version      1
//	uid, gid     numbers
//	logdir       directory of stdout and stderr, relative to the task's
//	log_uid, log_gid  whose these and the notify socket are, if not uid's and gid's; else 0
//	dest         file, console, both or none
//	mode         standard (dest file: the processes write the files themselves) or rotate
//	log_size     bytes of one file, in mode rotate
//	backups      files beside that one, in mode rotate
//	notify       1: make a $NOTIFY_SOCKET
//	cwd          absolute
//	user         name, for sentences
//	umask        decimal
//	nnp          1: no_new_privs
//	groups       supplementary ones, with spaces between them
//	arg          repeated; the first is looked up in env's PATH if it has no slash
//	env          repeated; NAME=value; all of it
//	end          1
//
// runs/<process>/<n>/status, replaced as a whole at every change by exchanging
// it with status.next, which exists, with its blocks, from the spawn on:
//
//	version      1
//	state        forked: it exists; running: it was executed; ended
//	pid, start   of the main process; clock ticks since boot
//	boot         the machine's boot id; the three together name the process for ever
//	shim, shim_start   who started it
//	started_wall, started_boot   when it was executed, ns; 0 before
//	ready        1: it said READY=1
//	signals      that the brain asked for, each once, recorded before delivery
//
// and of an ended one, error or signal and core or exit:
//
//	error        a sentence: it could not be started
//	signal, core
//	exit
//	ended_wall, ended_boot   when its main process and its session were gone, ns
//	utime_ns, stime_ns, maxrss (bytes)
//	left         descendants in sessions of their own that live on; 0 when emptied
//	dropped      log bytes that could not be written
//	tail         up to 4096 bytes of the end of stderr, unless exit is 0
//	end          1
//
// runs/<process>/<n>/watchdog, there once the run has said WATCHDOG=1 on its
// $NOTIFY_SOCKET, and written over in place, without a bell, whenever it has said
// so again (words that have come together are one):
//
//	version      1
//	at           when it last said so, boot time in ns, 20 digits
//	again        the same: who reads while it is written sees two numbers, and reads again
//	end          1
//
// brain-failing says why no brain works: exit, signal or error of the last;
// wall, when; count of deaths in a row; next, when another is started; stderr,
// the last 2 KB of brain.log. The file shutdown: grace (seconds, a decimal
// fraction), by, reason, wall.
//
// console is our stdout and stderr, if it is the task's file of that name; over
// 16 MiB it becomes console.1. Logs and their directories are the run's user's,
// 0640 and 0750.
//
// # The environment
//
// DEWAR_BRAIN_RETRY (delays before the next brain: 0,5s,60s), DEWAR_BRAIN_WORKED
// (how long after a brain's hello brain-failing is removed: 10s),
// DEWAR_SHUTDOWN_PATIENCE (30s), DEWAR_SHIM_SCAN=1 (do as if the kernel did not
// list children) are for tests. XDG_RUNTIME_DIR is where an ordinary user's
// notify sockets are, if it can be; a run for which none can be made anywhere
// starts without. The brain gets all of it.
//
// # A run, from spawn to reaping
//
//	shim                                       its child
//	read the spec; status.next with its blocks;
//	logs, pipes, sockets; the list
//	signals blocked, fork ──────────────────▶  setsid; 0 to 2 into place, all others closed
//	status: forked, pid, start
//	G ──────────────────────────────────────▶  before this byte nothing happens
//	                                           cwd; limits; ids, umask, no_new_privs;
//	                                           parent-death signal, is the parent still there;
//	                                           default signals, none blocked
//	  ◀────────────────────────────────────────  R
//	                                           execve: the handshake closes
//	status: running; bell started
//	                                           … exits: a zombie
//	what is left of its session: TERM and CONT, after 1 s KILL, until it is empty
//	drain the log pipes and the notify socket
//	status: ended, into place; then reap; then bell ended
//
// The handshake is a pair of seqpacket sockets. Its end without R means "could
// not be started", whatever the exit status. A call that fails, after R only an
// execve, is told as E, its place in the list and its errno (op.go); the list is
// then made once more from the spec, and what stands in that place has the
// sentence. What is wrong with a spec or a log directory is found before the
// fork, and is the answer to spawn.
//
// # The step between fork and command
//
// What the child does is data: a list of system calls with their arguments, made
// by the parent (step.go), and run by a few dozen instructions (fork_*.s). It
// executes no program of ours and runs no line of Go. That makes it small, with
// some pages of its own, and quick, and it cannot fail in ways of its own: under
// a limit of one process or of half a megabyte a Go program cannot even begin.
//
// A child of a program with threads has one thread, and whatever locks the
// others held stay held in its memory for ever. So in the child there must be no
// allocation, no growth of the stack (which asks the scheduler), no write
// barrier, no signal handler of the runtime's, no call that might do one of
// these. The assembly is such: it needs no stack but 8 bytes of its frame, knows
// no g, and takes no lock. The scheduler cannot preempt it, as its signals go to
// the threads of the parent. All signals are blocked from before the fork (as
// package syscall does it) and until every one has its default action: before
// that a handler of Go's would run. Synchronous ones kill a process that blocks
// them. What the list points to is in the parent's heap or in a mapping, which
// the child has a copy of; it lives until the fork has returned.
//
// The memory is copied on write and not shared (CLONE_VM), although that would
// be quicker: processes that share theirs share oom_score_adj too, and a child
// that waits may be stopped for long. It holds copies of all our descriptors for
// as long as it takes to its second call: what must not outlive us in it, as the
// brain's connection, is shut down besides being closed.
//
// Descendants in sessions of their own come to us when their parents die, since
// we are the subreaper; they are attributed to a run by their session, else by
// DEWAR_PROCESS and DEWAR_RUN in the environment they were executed with, else
// to the task.
//
// # What was tried, and measured
//
// On 2 cores of a virtual machine, kernel 6.18, Go 1.26, stripped binaries;
// memory is private anonymous / PSS of a single resident process.
//
//   - Child ends and signals. os/signal: 684 / 2057 kB, 7 threads, 1.43 MB. A
//     thread blocked in waitid: 592 / 1809 kB; and it cannot see past the zombies
//     that we keep. A handler of a few instructions that writes to an eventfd
//     (signal_*.s): 520 / 1697 kB, 5 threads, 1.23 MB; chosen. signalfd cannot
//     work: the runtime unblocks SIGCHLD on every thread that it starts.
//   - Package os: 1.40 MB and 280 kB of PSS more; its Args come from
//     /proc/self/cmdline instead. x/sys/unix drags in reflect: 0.12 MB, 190 kB;
//     a test holds our numbers against its.
//   - GOMAXPROCS=1, which only the environment can set before the runtime
//     starts: 1 MB less memory on 64 cores. A shim that was started without it
//     executes itself anew, which costs 1.5 ms.
//   - The collector would start at 4 MB, and run every two minutes then. It is
//     off; a spawn leaves 0.2 kB of garbage, and 2048 of them are collected at once, which costs 0.4 MB for good, the first time.
//   - With one scheduler context the runtime hands it to another thread after
//     20 µs in any system call: every call here is the raw one, and a wait for
//     events is raw for 2 ms before the runtime hears of it. One after the other,
//     `true` went from 11 to 4 ms.
//   - Resting for 0.2 s, the pages of our text are given back: 1.47 MB of file
//     pages become 0.7, those that the idle loop needs.
//   - The step as a program of its own, the shim once more: 0.9 ms of CPU, most
//     of it in the runtime's start (threads, page faults, cpuid, which a virtual
//     machine traps). As a list it is a fork, an execve and 20 calls.
//   - Waiting for R and for execve woke us twice a run; only the end of the
//     handshake is waited for.
//   - A run costs six inodes (directories, spec, status, logs). ext4 makes one in
//     6 µs, but in 370 µs in a block group where thousands have just been
//     removed, as in /tmp after tests, because it looks at each of these first:
//     measure elsewhere. A seventh, status.next, was made and removed in every
//     run, which was just that; now the next run gets it. 64 at a time took a
//     third less.
//
// Reached, this package alone, driven by the client (bench_test.go,
// cost_test.go): 1, 10, 50 sleeping runs 660 / 1380, 690 / 1760, 730 / 1460 kB;
// no context switch of any thread in between.
package shim
