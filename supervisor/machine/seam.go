package machine

import "github.com/dewarhq/dewar/task"

// Entry is one record with its number and its time.
type Entry struct {
	Seq    uint64
	At     Instant
	Record Record
}

// Encode is the payload of a journal record: one JSON object, its type first.
// Text that is not UTF-8 is mended.
func Encode(seq uint64, at Instant, r Record) []byte { panic("not yet") }

// Decode reads a payload. A record of a type that this version does not know
// is an Unknown.
func Decode(payload []byte) (Entry, error) { panic("not yet") }

// Machine is the folded state of one task. It is not safe for concurrent use.
type Machine struct{}

// New is the machine of a task without any record.
func New(t task.Task) *Machine { panic("not yet") }

// Replay decodes a payload, checks that its number follows, and applies it.
func (m *Machine) Replay(payload []byte) error { panic("not yet") }

// Apply folds a record. After an error the machine is as it was.
func (m *Machine) Apply(at Instant, r Record) error { panic("not yet") }

// Seq is the number of the last record, 0 before the first: the next one is
// encoded with Seq()+1.
func (m *Machine) Seq() uint64 { panic("not yet") }

// Decide proposes what to record and do now, in this order. The loop calls it
// again after it has applied the records, until it is empty.
func (m *Machine) Decide(now Instant) []Decision { panic("not yet") }

// Deadline is the boot time at which Decide, empty now, will say something by
// time alone; ok is false if it needs a new record for that.
func (m *Machine) Deadline() (boot int64, ok bool) { panic("not yet") }

// SetFull says that the disk is full, or has room again.
func (m *Machine) SetFull(full bool) { panic("not yet") }

// Outstanding are the acts that the state implies and that may not have been
// performed: what a loop does after a recovery, or after a new shim.
func (m *Machine) Outstanding() []Act { panic("not yet") }

// Ask answers a person's request: a KillAsked, RestartAsked, StopAsked,
// StartAsked or SignalAsked (whose Run is filled in). The error is a sentence
// for that person.
func (m *Machine) Ask(r Record) (Decision, error) { panic("not yet") }

// Exit is what the loop knows of a run's end. Of Exit, Signal, Error, Lost and
// Unspawned one says how.
type Exit struct {
	task.RunID
	Exit      *int
	Signal    int
	Core      bool
	Error     string // it could not be started: a sentence
	Lost      string // nothing is known of its end: why, a sentence
	Unspawned bool   // it was told to stop before the shim had been asked to start it
	Signals   []int  // that were delivered to it, in order, as its status says
	At        Instant
	Rusage    Rusage
	Tail      string
	Left      int
}

// Judge says what an end means: SUCCESS, FAILED, KILLED or LOST.
func (m *Machine) Judge(now Instant, e Exit) Ended { panic("not yet") }

// Phase is the task's state; State().State without the cost.
func (m *Machine) Phase() TaskState { panic("not yet") }

// BootID is the boot in which the task was taken up last, "" before that.
func (m *Machine) BootID() string { panic("not yet") }

// Live are the runs that have not ended.
func (m *Machine) Live() []task.RunID { panic("not yet") }

// Strays are the ended runs that have left descendants which live on.
func (m *Machine) Strays() []task.RunID { panic("not yet") }

// Run is one run, if it is kept.
func (m *Machine) Run(id task.RunID) (Run, bool) { panic("not yet") }

// State is a view of everything.
func (m *Machine) State() State { panic("not yet") }

// Process is the view of one process.
func (m *Machine) Process(name string) (ProcessState, bool) { panic("not yet") }

// Why is the chain of causes of a process' state, or of the task's with "":
// sentences, the nearest cause first. now is for "in 3s" and may be zero.
func (m *Machine) Why(now Instant, process string) []string { panic("not yet") }

// Keeps says whether a run's directory and logs stay: the last 20 runs of a
// process, its first failure, and whatever is alive.
func (m *Machine) Keeps(id task.RunID) bool { panic("not yet") }

// Snapshot is the folded state as records that stand for all others: one, or
// for a large task several. All are encoded with the number Seq(). It fails
// if the journal has records of an unknown type.
func (m *Machine) Snapshot() ([]Record, error) { panic("not yet") }
