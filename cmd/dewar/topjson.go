package main

import (
	"time"

	"github.com/dewarhq/dewar/observer/usage"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// usedTask is what `dewar top --json` prints of each task. What is not known is
// absent, and so is a limit that is not there.
type usedTask struct {
	ID        string            `json:"id"`
	State     machine.TaskState `json:"state,omitempty"`
	Paused    bool              `json:"paused,omitempty"`
	At        time.Time         `json:"at,omitzero"`
	Source    usage.Source      `json:"source,omitempty"`
	Error     string            `json:"error,omitempty"`
	Usage     *usage.Figures    `json:"usage,omitempty"`
	Processes []usedProcess     `json:"processes"`
	Disk      *usage.Disk       `json:"disk,omitempty"`
}

type usedProcess struct {
	Name  string        `json:"name"`
	Usage usage.Figures `json:"usage"`
}

func used(n usage.Now) usedTask {
	out := usedTask{
		ID: n.ID, State: n.State.State, Paused: n.State.Pause != nil,
		At: n.Sample.At, Source: n.Sample.Source, Disk: n.Sample.Disk, Processes: []usedProcess{},
	}
	if n.Err != nil {
		out.Error = n.Err.Error()
	}
	for i := range n.Rows {
		if r := &n.Rows[i]; r.Process == "" {
			out.Usage = &r.Figures
		} else {
			out.Processes = append(out.Processes, usedProcess{r.Process, r.Figures})
		}
	}
	return out
}
