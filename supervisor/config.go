package supervisor

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/dewarhq/dewar/task"
)

// Config is what a brain is told. Dir, ShimBinary and BrainBinary are needed.
type Config struct {
	Dir         task.Dir  // absolute
	ShimBinary  string    // absolute; what is started when no shim lives
	BrainBinary string    // absolute; what that shim is to keep
	Version     string    // of the brain, for the journal
	Path        string    // PATH of processes of a launch that has none; empty: sandbox.DefaultPath
	Lang, TZ    string    // of these processes; empty: not set
	Log         io.Writer // sentences about ourselves, one a line; nil: none

	// ContainerBinary is the absolute path of what builds the walls of tasks
	// with isolation; empty: dewar-container beside BrainBinary.
	ContainerBinary string

	// MostSnooze is for how long people may snooze checks at the most; 0:
	// control.MostSnooze.
	MostSnooze task.Duration

	// CompactAfter is how many records the journal may grow by before it is
	// made short again; 0: DefaultCompactAfter.
	CompactAfter int

	// Crash, if it is not nil, is called just before and just after each
	// write to the journal and each request to the shim.
	Crash func(point string)
}

// Patience is how long a brain waits for another to let go of the task's
// lock, and for a shim to begin or to end.
const Patience = 5 * time.Second

// DefaultCompactAfter is how many records a journal grows by before it is made
// short again.
const DefaultCompactAfter = 4096

// ErrHeld says that another brain drives the task.
var ErrHeld = errors.New("another brain drives this task")

// ErrMisuse says that what was asked for can never work.
var ErrMisuse = errors.New("misused")

func (c *Config) check() error {
	var faults []error
	for what, path := range map[string]string{"the task's directory": string(c.Dir), "the shim's program": c.ShimBinary, "the brain's program": c.BrainBinary} {
		if !filepath.IsAbs(path) {
			faults = append(faults, fmt.Errorf("%w: %s must be an absolute path, not %q", ErrMisuse, what, path))
		}
	}
	return errors.Join(faults...)
}
