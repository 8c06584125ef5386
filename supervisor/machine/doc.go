// Package machine decides how one task runs: the pure half of the supervisor.
//
// In come a task and the records of its journal, one by one (Apply). Out come,
// at any time, the records to write next and the acts that follow them
// (Decide), the moment at which that will change by time alone (Deadline), the
// acts that the folded state implies after a recovery (Outstanding), a view of
// everything (State) and the chain of causes behind it (Why). Deliberately
// absent: clocks, goroutines, logs, files, processes. The same fold serves the
// brain, which decides, and the observer and the CLI, which only read; that is
// why it is a package of its own and not supervisor/machine.go. It imports
// task, healthcheck/judge, which is as pure, and the standard library, and a test
// watches that.
//
//	           the loop (package supervisor)                 machine
//	bell, request, timer ──▶ read the truth
//	                         Judge(end) / Ask(request) ────▶ which record
//	                         journal.Append(Encode(record))
//	                         Apply(at, record) ────────────▶ fold
//	                    ┌──▶ Decide(now) ──────────────────▶ []Decision{Record, Act}
//	                    │    journal.Append(records)
//	                    │    Apply each ───────────────────▶ fold
//	                    └─── perform the acts, until Decide is empty
//	                         set the timer to Deadline()
//
//	start = recovery: New(task); Replay(payload) of every record, or of none
//	and then a Created; TakenUp; Judge what ended meanwhile; perform
//	Outstanding(); go on with Decide. Readers only Replay (or Decode and Fold).
//
// Decide and Ask change nothing: a proposal that could not be written (full
// disk) is simply not applied, and comes again. SetFull(true) makes Decide
// start nothing; stops, kills and ends go on. Apply returns an error for a
// record that is not legal here, and then has changed nothing.
//
// # What the loop owes the machine
//
//   - After TakenUp with a boot id other than before, everything of the old
//     boot is dead: the loop judges every run of Live() from its status file,
//     or as Lost. Deadlines and floors of the old boot are past, and the
//     descendants that its runs had left are forgotten, by the fold itself.
//   - After a shim's death and burial: Judge (Lost) for every run of Live(),
//     Emptied for every run of Strays().
//   - Before Cleared: an Ended for every run of Live(). Apply insists on it.
//     Strays need no Emptied then, Cleared says it of all.
//   - Outstanding repeats acts that may have been performed: Spawn, Kill and
//     Clear are idempotent; a Stop or Signal whose signal the status file names
//     is not to be sent again. (If that one was an earlier sending of the same
//     signal, the stop's kill still comes in time.)
//   - Of a run whose Forking is recorded but which was told to stop before it
//     was spawned, Outstanding gives no Spawn. If the shim does not know it and
//     it has no status, the loop judges it as Exit{Unspawned: true}.
//   - The freezer is what Paused says, after every record. A ResizeAsked or a
//     PauseAsked is tried before it is recorded; after a recovery Limits and
//     Paused say what is to hold.
//   - An Ended says in OOM whose limit of memory was hit, if that ended the run.
//     What a run outlives of that kind is a Thinned. Unkillable names who was
//     killed and lives; it is said anew after each TakenUp.
//
// # Edges
//
// An edge gates a start and is looked at whenever its successor is to start,
// again for each of the successor's runs. It stops nothing unless on_lost says so.
// What the predecessor a must be at that moment:
//
//	           no run yet  live                   between runs,  finished         failed for good
//	                                              or held
//	started    no          once it has ever recorded Started: yes, for good
//	ready      no          the live run said      no             if its last run  no
//	                       so, and is not                        had said so
//	                       being stopped
//	healthy    no          all its checks have    no             no               no
//	                       passed, and it is not
//	                       being stopped
//	success    no          no                     no             yes (1)          no
//	exit       no          no                     no             yes              yes
//
// (1) An ephemeral process that gave up after max_failures counts as finished
// for the plan and for exit, but it has not succeeded: success stays no.
// A finished or failed process that a person restarts is no longer finished or
// failed: edges from it are as the table says for what it is now. Successors
// that run are not touched.
//
// Of a run that lives an edge "ready" or "healthy" may be lost. With on_lost: stop
// the successor's run is stopped at once, with restart as soon as all such edges of
// it are satisfied again; neither counts a failure, and the next run waits for its
// edges as always. What stands still is not stopped before it goes on.
//
// ready_timeout applies to those processes alone at which an edge "ready" or
// "healthy" points; it counts from the start of the run until it has been so once,
// 0 means no limit. The time leaves out for how long the task was paused, and,
// where it is the checks that have not passed, for how long one was snoozed.
//
// # Checks
//
// The machine says what is to be asked (Asking; AskingChanged, so that nobody
// compares), judges the answers (Consider) and acts upon verdicts:
//
//	Asking ──▶ ask, again and again ──▶ answers, gathered in the loop
//	              Consider(check, run, all since the last record) ──▶ Answered, or not yet
//	              journal.Append, Apply ──▶ the verdict ──▶ Decide
//
// What is asked, what counts, and what comes of it:
//
//   - The checks of a process belong to a run, which begins with none of them
//     answered. They are asked from Started on until the run is to be stopped: at
//     first the startup checks, and when all of these have passed, the others.
//   - The task's own check is asked, as of run 0, from the first start of an
//     ordinary process on. It begins anew after another boot, as everything does.
//   - Nothing is asked, and no answer counts, of a task that is paused, ending or
//     to be killed, nor of a run that is being stopped or has ended.
//   - A record is written when anything changes that the next verdict may depend
//     on, or when ten answers are gathered. So a brain that dies forgets answers
//     that made no difference, and nothing else: no failure, no grace. A new one
//     changes no verdict before it has an answer of its own.
//   - Unhealthy with fail_task: the ordinary plan ends as FAILED. With restart: the
//     run is stopped, and if it ends by that it is FAILED with the verdict as its
//     reason; nothing more is decided for it. With none: it is said, and edges see
//     it. A check that cannot be asked at all fails the task, whatever its action.
//   - While a check is snoozed all answers to it are Snoozed. A snooze has an end by
//     boot time and does not outlive the machine's restart; a second one for the
//     same words takes the place of the first.
//
// # Before the signal
//
// A task with life-cycle calls whose ordinary plan is over makes them first, if
// anything ordinary still lives, and whatever ended the plan: a kill, a check, a
// failure, or the end of all that the plan waits for. Until they are over nobody is
// told to stop (who was told before is killed in his time).
//
//	Cleaning ─▶ Calling graceful ─▶ Calling shutdown ─▶ Parted ─▶ Stopping …
//	               └ until nothing ordinary lives, or its wait is over, or
//	                 Called says that nobody heard; likewise the second
//
// Thermos made them only when it was told to stop: when a plan was over it sent
// signals at once to what still ran.
//
//   - Heard is whoever may act upon it. Answered 404, 405 or 501, or refused: nobody.
//     Not answered, or cut off after it was sent: perhaps somebody, and the wait
//     goes on. An answer is waited for a second at least, however short the wait.
//   - A run that ends during a call has ended by itself: its status counts.
//   - A run with a pre_stop, once RUNNING, gets it before its stop signal,
//     whatever it is stopped for, and never before a kill. Its stop_timeout begins
//     with the signal. A run that ends after its PreStopping was stopped by us:
//     it is KILLED, or what a stop for that cause makes of it.
//   - A pre_stop that was begun is followed by the signal, whatever changes its
//     mind meanwhile, and it is ready for nobody.
//   - Calls and pre_stops take no more than half of what is left of the budget each,
//     so that there is always time for the signal; a kill that shortens the budget
//     shortens them. A budget that is spent ends all of it.
//   - Deadlines are in the records. After a recovery Outstanding repeats a call or a
//     pre_stop that is not known to be over: each is made at least once, and once
//     more for each brain that dies meanwhile.
//
// # Rules where the specification leaves room
//
//   - backoff: after n failed runs in a row the floor is min_duration × 2ⁿ, at
//     most backoff.max. A run that lasted backoff.reset sets it back, also if
//     it failed itself. KILLED, LOST and short successful runs leave it alone.
//     A run's length and the floor count from the end by the shim's clock.
//   - A restart by a person that finds a live run acts as if it had been asked
//     just after that run's end, whatever the end was: no floor, and if the run
//     finished or failed the process for good, it is revived with 0 failures.
//     Start does the same and lifts a hold. Edges, max_concurrency, strays and
//     a full disk still gate the next run.
//   - A stop holds the process. If its run ends by itself before the signal is
//     delivered, its status counts as always. Finished and failed processes
//     are not held.
//   - A run that ended by a signal which a person had sent it is KILLED.
//   - Stuck: no process that the plan waits for (a non-ephemeral one that is
//     not finished or failed) runs, may start, waits for time, room or strays,
//     or is held. Ephemeral processes, running or not, do not unstick a plan:
//     nothing can wait for them but others of their kind.
//   - max_failures of the task ends the ordinary plan only. The final plan
//     ends when it is complete or stuck, or with the budget.
//   - In CLEANING descendants that ended runs have left behind are stopped as
//     their processes would be, in the same order.
//   - A finalization_wait of 0, like a kill with grace 0, is a budget spent at
//     once: everything is killed and finalizers are skipped.
//   - max_concurrency counts runs alone: what an ended run has left behind takes
//     no place, and none is kept for a process whose leftovers are being killed.
//   - While the task is paused nothing is started and nobody is late to be
//     ready; a kill, or whatever else ends the ordinary plan, unpauses it.
//   - Denied, OverDisk (unless the task is only to be warned) and, with
//     oom: task, a victim of memory end the ordinary plan as FAILED.
//   - Restart, stop and start are for ordinary processes while the task is
//     ACTIVE; a signal may be sent to whatever run lives.
//
// # Cost
//
// An event costs what it changes: the process, the successors whose edges it
// satisfies, O(log n) in two heaps. Decide walks sets of those that may start
// or are to be stopped. A phase's beginning costs one walk over all processes,
// State costs one for each call.
//
// A record is decoded in 0.3 to 0.7 µs and folded in as much (bench_test.go;
// one core of an x86 server; 100,000 records of 33,000 processes: 0.11 s).
// encoding/json was tried first: 3.4 to 6 µs for each record, most of it for
// finding field names and for reading each object twice, for its type and for
// its fields. It still reads what we did not write, and snapshots.
package machine
