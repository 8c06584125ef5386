package machine

import "github.com/dewarhq/dewar/task"

// Instant is one moment by two clocks. Rules are computed on Boot; Wall is for
// people, and for nothing else.
type Instant struct {
	Boot int64 `json:"boot"` // CLOCK_BOOTTIME, nanoseconds since the machine's boot
	Wall int64 `json:"wall"` // CLOCK_REALTIME, nanoseconds since 1970
}

// Record is one fact of a task's journal: what has happened, or what has been
// decided and is about to be done. A journal is a Created followed by others,
// or a Snapshot (and the SnapshotRest that belong to it) followed by others.
type Record interface{ record() string }

// TypeOf is the record's type as the journal spells it: "forking".
func TypeOf(r Record) string { return r.record() }

type (
	// Created is the first record of a journal.
	Created struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Format int    `json:"format"` // of the journal: 1
	}

	// TakenUp says that a brain drives the task from here on.
	TakenUp struct {
		Pid     int    `json:"pid"`
		Version string `json:"version"`
		BootID  string `json:"boot_id"`
	}

	// Forking: a run was decided upon; the shim is about to be asked.
	Forking struct {
		task.RunID
	}

	// Started: the run's command was executed.
	Started struct {
		task.RunID
		Pid   int     `json:"pid"`
		Start int64   `json:"start"` // the pid's start time, clock ticks since boot, as in /proc/<pid>/stat
		At    Instant `json:"at"`    // when, by the shim's clock; zero: when it was recorded
	}

	// Ready: the run said READY=1.
	Ready struct {
		task.RunID
	}

	// Stopping: the run was decided to be stopped; its stop signal is about to
	// be sent.
	Stopping struct {
		task.RunID
		Cause  Cause       `json:"cause"`
		Signal task.Signal `json:"signal"`
		By     int64       `json:"by"` // boot time at which it is killed
	}

	// Killing: everything of the run is about to be killed.
	Killing struct {
		task.RunID
		Cause Cause `json:"cause"`
	}

	// Ended: the run is over: its main process has exited and its session is
	// empty, or it could not be started, or it is lost.
	Ended struct {
		task.RunID
		State  RunState `json:"state"` // SUCCESS, FAILED, KILLED or LOST
		Exit   *int     `json:"exit,omitempty"`
		Signal int      `json:"signal,omitempty"` // that ended it
		Core   bool     `json:"core,omitempty"`
		Reason string   `json:"reason,omitempty"` // a sentence, where exit and signal do not say it all
		At     Instant  `json:"at"`               // when it ended, by the shim's clock
		Rusage Rusage   `json:"rusage"`
		Tail   string   `json:"tail,omitempty"` // the last lines of stderr of a run that failed
		Left   int      `json:"left,omitempty"` // descendants in sessions of their own that live on
		OOM    *OOM     `json:"oom,omitempty"`  // something of the run was killed for want of memory
	}

	// Emptied: the descendants that an ended run had left behind are gone.
	Emptied struct {
		task.RunID
	}

	// KillAsked: somebody wants the task to end.
	KillAsked struct {
		Grace  task.Duration `json:"grace"`
		Lose   bool          `json:"lose,omitempty"` // end as LOST rather than KILLED
		By     string        `json:"by"`             // who asked: "uid 0 (root), dewar kill"
		Reason string        `json:"reason,omitempty"`
	}

	// RestartAsked, StopAsked and StartAsked: a person wants one process
	// restarted, stopped and held, or started again.
	RestartAsked struct {
		Process string `json:"process"`
		By      string `json:"by"`
	}
	StopAsked struct {
		Process string `json:"process"`
		By      string `json:"by"`
	}
	StartAsked struct {
		Process string `json:"process"`
		By      string `json:"by"`
	}

	// SignalAsked: a person wants a signal sent to a run.
	SignalAsked struct {
		task.RunID
		Signal task.Signal `json:"signal"`
		By     string      `json:"by"`
	}

	// Cleaning: the ordinary plan is over; what still runs is being stopped.
	Cleaning struct {
		Result TaskState `json:"result"` // SUCCESS, FAILED, KILLED or LOST; decided here for good
		Reason string    `json:"reason"`
		By     int64     `json:"by"` // boot time at which the budget is spent
	}

	// Finalizing: nothing ordinary lives any more; the final plan runs.
	Finalizing struct{}

	// Clearing: everything of the task is about to be killed.
	Clearing struct{}

	// Cleared: nothing of the task lives. It answers a Clearing.
	Cleared struct{}

	// Finished: the terminal state. The last record of a task but for TakenUp.
	Finished struct {
		State  TaskState `json:"state"`
		Reason string    `json:"reason"`
	}

	// Unknown is a record of a type that this version does not know. It is
	// counted and otherwise ignored, and forbids compaction.
	Unknown struct {
		Type string `json:"-"`
	}
)

func (Created) record() string      { return "created" }
func (TakenUp) record() string      { return "taken up" }
func (Forking) record() string      { return "forking" }
func (Started) record() string      { return "started" }
func (Ready) record() string        { return "ready" }
func (Stopping) record() string     { return "stopping" }
func (Killing) record() string      { return "killing" }
func (Ended) record() string        { return "ended" }
func (Emptied) record() string      { return "emptied" }
func (KillAsked) record() string    { return "kill asked" }
func (RestartAsked) record() string { return "restart asked" }
func (StopAsked) record() string    { return "stop asked" }
func (StartAsked) record() string   { return "start asked" }
func (SignalAsked) record() string  { return "signal asked" }
func (Cleaning) record() string     { return "cleaning" }
func (Finalizing) record() string   { return "finalizing" }
func (Clearing) record() string     { return "clearing" }
func (Cleared) record() string      { return "cleared" }
func (Finished) record() string     { return "finished" }
func (Snapshot) record() string     { return "snapshot" }
func (SnapshotRest) record() string { return "snapshot rest" }
func (u Unknown) record() string    { return u.Type }

// Rusage is what a run used, its waited-for children included.
type Rusage struct {
	User   int64 `json:"user"`   // nanoseconds
	System int64 `json:"system"` // nanoseconds
	MaxRSS int64 `json:"maxrss"` // bytes
}

// RunState is where a run is. WAITING is a process without a live run.
type RunState string

const (
	Waiting    RunState = "WAITING"
	Forked     RunState = "FORKED"
	Running    RunState = "RUNNING"
	RunSuccess RunState = "SUCCESS"
	RunFailed  RunState = "FAILED"
	RunKilled  RunState = "KILLED"
	RunLost    RunState = "LOST"
)

// TaskState is where a task is.
type TaskState string

const (
	Active          TaskState = "ACTIVE"
	StateCleaning   TaskState = "CLEANING"
	StateFinalizing TaskState = "FINALIZING"
	Success         TaskState = "SUCCESS"
	Failed          TaskState = "FAILED"
	Killed          TaskState = "KILLED"
	Lost            TaskState = "LOST"
)

// Cause is the rule by which a run is stopped or killed.
type Cause string

const (
	CauseKill     Cause = "kill"      // the task was asked to end
	CauseCleanup  Cause = "cleanup"   // the plan is over
	CauseRestart  Cause = "restart"   // a person asked for a restart
	CauseStop     Cause = "stop"      // a person asked for a stop
	CauseNotReady Cause = "not ready" // ready_timeout has passed
	CauseHealth   Cause = "health"    // a check of it is unhealthy
	CauseLost     Cause = "lost"      // a process that it depends on is no longer ready or healthy
	CauseTimeout  Cause = "timeout"   // stop_timeout has passed after the stop signal
	CauseBudget   Cause = "budget"    // finalization_wait, or the kill's grace, is spent
	CauseNextRun  Cause = "next run"  // an ended run's descendants stand in the way of the next run
)
