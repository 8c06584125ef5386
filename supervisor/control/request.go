package control

import (
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// Paths of the requests.
const (
	PathKill     = "/v1/kill"
	PathRestart  = "/v1/process/restart"
	PathStop     = "/v1/process/stop"
	PathStart    = "/v1/process/start"
	PathSignal   = "/v1/process/signal"
	PathResize   = "/v1/resize"
	PathPause    = "/v1/pause"
	PathUnpause  = "/v1/unpause"
	PathSnooze   = "/v1/snooze"
	PathUnsnooze = "/v1/unsnooze"
	PathStatus   = "/v1/status"
)

// DefaultGrace is what a kill leaves to the processes unless it says otherwise.
const DefaultGrace = task.Duration(60e9)

// Kill asks for the task's end.
type Kill struct {
	Grace  *task.Duration `json:"grace,omitempty"` // nil: DefaultGrace; 0: at once
	Reason string         `json:"reason,omitempty"`
	Lose   bool           `json:"lose,omitempty"` // end as LOST rather than KILLED
}

// Process asks for something to be done with one process of the task.
type Process struct {
	Process string `json:"process"`
}

// Signal asks for a signal to be sent to the live run of a process.
type Signal struct {
	Process string      `json:"process"`
	Signal  task.Signal `json:"signal"`
}

// Resize asks for other limits of the task, or of one process. What is zero in
// Limits stays as it is. It is refused if the kernel does not take them.
type Resize struct {
	Process string         `json:"process,omitempty"` // empty: the task
	Limits  task.Resources `json:"limits"`
}

// Pause asks that everything of the task stand still, and Unpause that it go on.
type (
	Pause   struct{}
	Unpause struct{}
)

// MostSnooze is for how long checks may be snoozed at the most, unless a brain is
// told otherwise.
const MostSnooze = task.Duration(24 * 3600e9)

// Snooze asks that checks pass no verdict for a while, and Unsnooze that they do
// again. A check is "web/liveness", by process and name, or by name alone if only
// one has it; none: all of the task.
type (
	Snooze struct {
		Check  string        `json:"check,omitempty"`
		For    task.Duration `json:"for"`
		Reason string        `json:"reason"`
	}
	Unsnooze struct {
		Check string `json:"check,omitempty"`
	}
)

// Refusal is the body of an answer that is not 200.
type Refusal struct {
	Error string `json:"error"`
}

// Status is what a brain says of its task.
type Status struct {
	Pid        int            `json:"pid"` // of the brain
	Version    string         `json:"version"`
	Quarantine string         `json:"quarantine,omitempty"` // why nothing but a kill is possible any more
	State      *machine.State `json:"state,omitempty"`      // nil in quarantine
}
