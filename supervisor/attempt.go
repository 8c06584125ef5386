package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// attempt does what a person asked for before it is recorded, where only trying
// tells whether it can be done: other limits, and a pause. A brain that dies
// before it has recorded it is followed by one that puts back what the journal
// says. The error is the refusal; undo takes it back.
func (b *brain) attempt(ctx context.Context, wish machine.Record) (undo func(), err error) {
	undo = func() {}
	switch r := wish.(type) {
	case machine.ResizeAsked:
		disk, err := b.resizeDisk(ctx, r.Limits.Disk)
		if (err != nil || r.Limits == task.Resources{Disk: r.Limits.Disk}) {
			return disk, err
		}
		groups, err := b.resizeGroups(r)
		if err != nil {
			disk()
		}
		return func() { groups(); disk() }, err
	case machine.PauseAsked:
		if b.tree == nil {
			return undo, errNoGroups
		}
		inTime, cancel := context.WithTimeout(ctx, freezeWithin)
		defer cancel()
		if err := b.tree.Task().Freeze(inTime); err != nil {
			return undo, fmt.Errorf("pause the task: %w", err)
		}
		b.frozen = true
	}
	return undo, nil
}

// resizeGroups leaves the limits as they were if it fails.
func (b *brain) resizeGroups(r machine.ResizeAsked) (undo func(), err error) {
	if b.tree == nil {
		return func() {}, errNoGroups
	}
	before, asked := b.machine.Limits(r.Process), b.machine.Asked(r.Process)
	undo = func() {
		if err := b.limit(r.Process, before, asked); err != nil {
			b.log("the limits before a change that failed: %v", err)
		}
	}
	err = b.limit(r.Process, before.With(r.Limits), asked.With(r.Limits))
	if err != nil {
		undo()
	}
	return undo, err
}

var errNoGroups = errors.New("the task runs without control groups (dewar inspect says why)")

// limit holds the task, or a process that has a group, to its limits.
func (b *brain) limit(process string, limits, asked task.Resources) error {
	if process == "" {
		_, err := b.tree.Task().Limit(b.taskLimits(limits, asked))
		return err
	}
	leaf := b.tree.Process(process)
	if err := leaf.Make(); err != nil {
		return err
	}
	_, err := leaf.Limit(sandbox.Limits(limits, asked, b.Dir))
	return err
}
