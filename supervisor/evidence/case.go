package evidence

import (
	"context"
	"io"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/task"
)

// Why is what evidence is gathered for; it names the bundle.
type Why string

const (
	Health      Why = "health"
	StopTimeout Why = "stop-timeout"
	OOM         Why = "oom"
	Core        Why = "core"
)

// Case is what evidence is to be gathered of.
type Case struct {
	Dir    task.Dir
	Run    task.RunID
	Why    Why
	Reason string // a sentence: what has happened

	UID   int           // of the run's user, whose the logs are and who may read the bundle
	Pid   int           // of the run's main process; 0: it has ended
	Start uint64        // the pid's start time, in clock ticks since boot
	Place *cgroup.Place // of the task's groups; nil: none, and the run is its session and the descendants of Pid

	Answers []byte // what answers.json is to hold; nil: there is no such file

	// Capture runs the capture command in the place of the run and writes what
	// it says, until the context is done. nil: there is none.
	Capture func(ctx context.Context, to io.Writer) error
}

// How much of each file there is at most, in bytes: together less than 5 MB.
const (
	mostAnswers  = 64 << 10
	mostGroups   = 256 << 10
	mostTail     = 1 << 20
	mostProcs    = 3 << 19
	mostSockets  = 128 << 10
	mostCapture  = 512 << 10
	mostCmdlines = 128 << 10
)
