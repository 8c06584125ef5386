package machine

import "github.com/dewarhq/dewar/task"

// Decision is a record to write and, once it is written and applied, an act to
// perform; Act is nil where the record is all.
type Decision struct {
	Record Record
	Act    Act
}

// Act is something to be done in the world.
type Act interface{ act() }

type (
	// Spawn starts a run.
	Spawn struct{ task.RunID }

	// Stop sends a run its stop signal. It follows a Stopping.
	Stop struct {
		task.RunID
		Signal task.Signal
		To     task.StopTo
	}

	// Signal sends a run a signal that a person asked for.
	Signal struct {
		task.RunID
		Signal task.Signal
		To     task.StopTo
	}

	// Kill kills everything of a run, descendants with sessions of their own
	// included.
	Kill struct{ task.RunID }

	// Clear kills everything of the task, until nothing is left. Its answer is
	// a Cleared.
	Clear struct{}

	// End lets the shim go: the task is finished.
	End struct{}
)

func (Spawn) act()  {}
func (Stop) act()   {}
func (Signal) act() {}
func (Kill) act()   {}
func (Clear) act()  {}
func (End) act()    {}
