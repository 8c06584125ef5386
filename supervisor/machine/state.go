package machine

import "github.com/dewarhq/dewar/task"

// State is a view of everything that the records folded so far say. It shares
// nothing with the machine. Boot times belong to the boot in which they were
// recorded; a deadline of an earlier boot is shown as 1, long past.
type State struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	State    TaskState   `json:"state"`
	Since    Instant     `json:"since"`   // when it came into State
	Created  Instant     `json:"created"` //
	Result   TaskState   `json:"result,omitempty"`
	Reason   string      `json:"reason,omitempty"` // which rule ended the ordinary plan; from CLEANING on
	Deadline int64       `json:"deadline,omitempty"`
	Kill     *AskedKill  `json:"kill,omitempty"` // the first one
	Brain    *Brain      `json:"brain,omitempty"`
	Clearing bool        `json:"clearing,omitempty"` // everything is being killed
	Full     bool        `json:"full,omitempty"`     // the disk is full: nothing is started
	Pause    *AskedPause `json:"pause,omitempty"`    // a person has paused it
	Disk     *OverDisk   `json:"disk,omitempty"`     // it has written more than it may
	Undead   []Undead    `json:"undead,omitempty"`   // processes that were killed and live

	Checks  []CheckState `json:"checks,omitempty"`  // the task's own
	Snoozes []Snooze     `json:"snoozes,omitempty"` // that are not over
	Sick    *Sickness    `json:"sick,omitempty"`    // the verdict that has ended the task

	// Calls are the life-cycle calls of a task that ends, in their order.
	Calls []LifecycleCall `json:"calls,omitempty"`

	// Resized are the limits that people have changed, by process; "" is the
	// task's.
	Resized map[string]task.Resources `json:"resized,omitempty"`

	Records   uint64         `json:"records"` // written so far, compacted ones included
	Counts    Counts         `json:"counts"`
	Processes []ProcessState `json:"processes"` // in the order of the file
}

// AskedKill is a kill and when it was asked for.
type AskedKill struct {
	KillAsked
	At Instant `json:"at"`
}

// Brain is who took the task up last.
type Brain struct {
	TakenUp
	At Instant `json:"at"`
}

// Counts are numbers of processes, both plans together, and of runs.
type Counts struct {
	Processes int `json:"processes"`
	Waiting   int `json:"waiting"`
	Live      int `json:"live"`
	Finished  int `json:"finished"`
	Failed    int `json:"failed"` // for good
	Runs      int `json:"runs"`
}

// ProcessState is the view of one process.
type ProcessState struct {
	Name      string   `json:"name"`
	Final     bool     `json:"final,omitempty"`
	Daemon    bool     `json:"daemon,omitempty"`
	Ephemeral bool     `json:"ephemeral,omitempty"`
	State     RunState `json:"state"`                // WAITING, of the live run, or of the last run if Over
	Over      Over     `json:"over,omitempty"`       // finished, or failed for good
	HeldBy    string   `json:"held_by,omitempty"`    // who stopped it; it is held until it is started
	Again     bool     `json:"again,omitempty"`      // a person wants another run as soon as this one has ended
	Runs      int      `json:"runs"`                 // so far, the live one included
	Failures  int      `json:"failures"`             // that count
	NextStart int64    `json:"next_start,omitempty"` // boot time of the floor under the next start
	Waits     []string `json:"waits,omitempty"`      // why it does not run: sentences

	Checks  []CheckState `json:"checks,omitempty"`  // of the live run, or the last; all that the process has
	History []Run        `json:"history,omitempty"` // the runs that are kept, the live one last
}

// Last is the latest run, live or not; nil if there was none.
func (p *ProcessState) Last() *Run {
	if len(p.History) == 0 {
		return nil
	}
	return &p.History[len(p.History)-1]
}

// Over says that a process will not run again by itself.
type Over string

const (
	OverFinished Over = "finished"
	OverFailed   Over = "failed"
)

// Run is what is known of one run.
type Run struct {
	Run     int      `json:"run"`
	State   RunState `json:"state"`
	Pid     int      `json:"pid,omitempty"`
	Start   int64    `json:"start,omitempty"`    // the pid's start time in clock ticks
	Forked  Instant  `json:"forked"`             // when it was decided
	Started Instant  `json:"started,omitzero"`   // when its command was executed
	Ready   Instant  `json:"ready,omitzero"`     // when it said READY=1
	Ended   Instant  `json:"ended,omitzero"`     // by the shim's clock
	Exit    *int     `json:"exit,omitempty"`     //
	Signal  int      `json:"signal,omitempty"`   // that ended it
	Core    bool     `json:"core,omitempty"`     //
	Reason  string   `json:"reason,omitempty"`   //
	Rusage  Rusage   `json:"rusage,omitzero"`    //
	Tail    string   `json:"tail,omitempty"`     // kept of the first failure and of the last
	Left    int      `json:"left,omitempty"`     // descendants that live on
	OOM     *OOM     `json:"oom,omitempty"`      // its end: something of it was killed for want of memory
	Stood   int64    `json:"stood,omitempty"`    // nanoseconds since its start that ready_timeout leaves out: the task was paused, or its checks snoozed
	PreStop *Parting `json:"pre_stop,omitempty"` // it was to be stopped, and its pre_stop was begun
	Stop    *Stopped `json:"stop,omitempty"`     // it was told to stop
	Kill    Cause    `json:"kill,omitempty"`     // it was killed
	Signals []Sent   `json:"signals,omitempty"`  // that people asked for

	Healthy  Instant      `json:"healthy,omitzero"`   // when all its checks had passed for the first time
	Checks   []CheckState `json:"checks,omitempty"`   // those that have been answered; of the last two runs
	Sick     *Sickness    `json:"sick,omitempty"`     // the verdict for which it is restarted
	Bereft   bool         `json:"bereft,omitempty"`   // what it depends on (on_lost: restart) has gone …
	Rejoined bool         `json:"rejoined,omitempty"` // … and come back: it is to be restarted

	// Thinned: something of it was killed for want of memory, and it went on.
	Thinned *Thinning `json:"thinned,omitempty"`

	Evidence []Evidence `json:"evidence,omitempty"` // the oldest first

	LeftStop *Stopped `json:"left_stop,omitempty"` // what it left behind was told to stop
	LeftKill Cause    `json:"left_kill,omitempty"` // what it left behind was killed
}

// Live says that the run has not ended.
func (r *Run) Live() bool { return r.State == Forked || r.State == Running }

// Thinning is what was killed of a run that went on.
type Thinning struct {
	OOM
	At Instant `json:"at"` // when it was noted last
}

// Stopped says how a run was told to stop.
type Stopped struct {
	Cause  Cause       `json:"cause"`
	Signal task.Signal `json:"signal"`
	By     int64       `json:"by"` // boot time at which it is killed
	At     Instant     `json:"at"`
}

// Sent counts how often people asked for one signal to one run.
type Sent struct {
	Signal task.Signal `json:"signal"`
	Times  int         `json:"times"`
}
