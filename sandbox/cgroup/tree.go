package cgroup

import "context"

// Tree is the groups of one task.
type Tree struct{ place Place }

// Open answers the groups at a place, whether they exist or not.
func Open(p Place) *Tree { return &Tree{place: p} }

// Place says where the groups are.
func (t *Tree) Place() Place { return t.place }

// Make makes task/, checks/ and ctl/, and on v2 hands controllers down to
// task/. What is there already is taken up. On v2, unless our own group is the
// root, no process may be left in it: whoever is ours is given as pids, and
// steps aside first.
func (t *Tree) Make(pids ...int) error { return errUnfinished }

// StepAside moves processes into ctl/, in all hierarchies.
func (t *Tree) StepAside(pids ...int) error { return errUnfinished }

// Task is the group that has the task's limits.
func (t *Tree) Task() Group { return Group{tree: t, path: "task"} }

// Checks is the group of exec checks, with limits of its own.
func (t *Tree) Checks() Group { return Group{tree: t, path: "checks"} }

// Ctl is the group of the brain and the shim.
func (t *Tree) Ctl() Group { return Group{tree: t, path: "ctl"} }

// Process is the leaf of one process, in task/. Its name may be anything that
// a process may be called (docs: no slash, control character or leading dot, at
// most 200 bytes).
func (t *Tree) Process(name string) Group { return Group{tree: t, path: "task/" + name} }

// Remove removes all of it, the users' own sub-groups included. It kills
// nothing: an error names what still lives there. The kernel may need a moment
// after the last exit: until ctx ends.
func (t *Tree) Remove(ctx context.Context) error { return errUnfinished }
