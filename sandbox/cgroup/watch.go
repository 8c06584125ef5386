package cgroup

import (
	"context"
	"time"
)

// Kind is what a group's bell rings for.
type Kind string

const (
	OOM         Kind = "oom"             // read OOM()
	Empty       Kind = "empty"           // populated or frozen has changed: read Populated()
	CPUPressure Kind = "cpu-pressure"    // a Trigger
	MemPressure Kind = "memory-pressure" // a Trigger
)

// Bell says that something has changed; what, the group's files tell. Bells
// that ring while nobody listens become one.
type Bell struct {
	Group Group
	Kind  Kind
}

// Trigger rings when somebody (or, with Full, everybody) in a group stood
// waiting for Stall within Window (500 ms to 10 s).
type Trigger struct {
	Kind   Kind
	Full   bool
	Stall  time.Duration
	Window time.Duration
}

// Watcher watches the groups of one task.
type Watcher struct{ bells chan Bell }

// Watch starts to watch; one goroutine, which never polls. It ends when ctx
// does; the channel is closed then, and Wait answers.
func Watch(ctx context.Context) (*Watcher, error) { return nil, errUnfinished }

// Bells is where they ring.
func (w *Watcher) Bells() <-chan Bell { return w.bells }

// OOM rings for OOM kills in the group and below (v2: memory.events; v1: the
// eventfd of memory.oom_control, which also rings for OOMs above the group).
func (w *Watcher) OOM(g Group) error { return errUnfinished }

// Empty rings when the group and those below it become empty or populated,
// frozen or thawed. Only the unified hierarchy tells; elsewhere an error that
// is errors.ErrUnsupported.
func (w *Watcher) Empty(g Group) error { return errUnfinished }

// Pressure rings for a trigger; errors.ErrUnsupported where the kernel has no
// pressure stall information for groups (v1, or before 5.2).
func (w *Watcher) Pressure(g Group, t Trigger) error { return errUnfinished }

// Wait waits for the goroutine's end and answers what broke it, if not ctx.
func (w *Watcher) Wait() error { return errUnfinished }
