package cgroup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"syscall"
)

// Tree is the groups of one task.
type Tree struct{ place Place }

// Open answers the groups at a place, whether they exist or not.
func Open(p Place) *Tree { return &Tree{place: p} }

// Place says where the groups are.
func (t *Tree) Place() Place { return t.place }

// Uprooted says that the group is gone beneath which the task's are made, so that
// nobody can be in them and they cannot be made again: systemd removes a scope
// when the last process in it has ended. One hierarchy in which it is left is
// enough for it not to be.
func (t *Tree) Uprooted() bool {
	for _, dir := range t.hierarchies() {
		if exists(path.Dir(dir)) {
			return false
		}
	}
	return true
}

// Task is the group that has the task's limits.
func (t *Tree) Task() Group { return Group{tree: t, path: "task"} }

// Checks is the group of exec checks, with limits of its own. They are started
// in leaves of it (Check), or, if never two at a time, in it.
func (t *Tree) Checks() Group { return Group{tree: t, path: "checks"} }

// Check is a leaf in checks/, for a check that is to be killed alone. Names are
// as with Process.
func (t *Tree) Check(name string) Group { return Group{tree: t, path: "checks/" + leaf(name)} }

// Ctl is the group of the brain and the shim.
func (t *Tree) Ctl() Group { return Group{tree: t, path: "ctl"} }

// Process is the leaf of one process, in task/. Its name may be anything that
// a process may be called (docs: no slash, control character or leading dot, at
// most 200 bytes).
func (t *Tree) Process(name string) Group { return Group{tree: t, path: "task/" + leaf(name)} }

// all is the group that the others are in.
func (t *Tree) all() Group { return Group{tree: t} }

// Exists says whether any of it is there.
func (t *Tree) Exists() bool { return t.all().Exists() }

// Make makes task/, and on v2 hands controllers down to it; for those who step
// aside, ctl/. What is there already is taken up. checks/ is made by whoever has
// checks (Group.Make).
//
// On v2, unless our own group is the root of all, no process may be left in
// it: whoever is ours is given as pids, and steps aside first. If others are
// there, the error is a *Crowded.
func (t *Tree) Make(pids ...int) error {
	for _, g := range []Group{t.all(), t.Task()} {
		if err := g.make(); err != nil {
			return err
		}
	}
	if err := t.StepAside(pids...); err != nil {
		return err
	}
	return t.handDown()
}

// Crowded is the error of Make where somebody in our own group keeps it from
// handing controllers down.
type Crowded struct {
	Dir  string
	Pids []int
}

func (c *Crowded) Error() string {
	return fmt.Sprintf("hand controllers down from our own group %s: processes that are not ours are in it: %s",
		c.Dir, list(c.Pids, func(pid int) string { return fmt.Sprintf("%d (%s)", pid, command(pid)) }))
}

func (c *Crowded) Unwrap() error { return syscall.EBUSY }

// wanted are the v2 controllers that every task gets, for limits or figures.
// cpuset is handed down when somebody limits it.
var wanted = []string{"cpu", "memory", "pids", "io"}

// handDown hands what is wanted and there down to the leaves in task/. A single
// controller that the kernel does not hand down (cpu, where its configuration
// has real-time groups and a real-time process lives) is left to Limit, which
// says so to whoever asks for it.
func (t *Tree) handDown() error {
	if t.place.Unified == "" {
		return nil
	}
	own := path.Dir(t.place.Unified)
	have, err := words2(own + "/cgroup.controllers")
	if err != nil {
		return err
	}
	done, err := words2(own + "/cgroup.subtree_control")
	if err != nil {
		return err
	}
	asked := slices.ContainsFunc(wanted, func(word string) bool {
		return slices.Contains(have, word) && !slices.Contains(done, word)
	})
	if asked && !isRoot(own) {
		if err := t.crowded(own, nil); err != nil {
			return err
		}
	}
	for _, word := range wanted {
		if !slices.Contains(have, word) {
			continue
		}
		for _, dir := range []string{own, t.place.Unified, t.Task().unified()} {
			err := enable(dir, word)
			if errors.Is(err, syscall.EBUSY) {
				return t.crowded(dir, err)
			}
			if err != nil {
				break
			}
		}
	}
	return nil
}

// crowded names who keeps a group from handing controllers down. It is asked
// before that is tried: cpu and pids the kernel would hand down all the same,
// and make the group one of threads.
func (t *Tree) crowded(own string, busy error) error {
	found, err := strangers(own, nil)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return busy
	}
	return &Crowded{Dir: own, Pids: found}
}

// hierarchies are the task's directories, each once, the unified one first.
func (t *Tree) hierarchies() (dirs []string) {
	if t.place.Unified != "" {
		dirs = append(dirs, t.place.Unified)
	}
	for _, controller := range t.controllers() {
		if dir := t.place.V1[controller]; !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// controllers are those of the place, in the order of used.
func (t *Tree) controllers() []string {
	names := slices.Collect(maps.Keys(t.place.V1))
	slices.SortFunc(names, func(a, b string) int { return slices.Index(used, a) - slices.Index(used, b) })
	return names
}

// Remove removes all of it, the users' own sub-groups included. It kills
// nothing: an error names what still lives there. The kernel may need a moment
// after the last exit: until ctx ends.
func (t *Tree) Remove(ctx context.Context) error { return t.all().Remove(ctx) }
