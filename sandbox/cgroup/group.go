package cgroup

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Group is one group: in each hierarchy the directory at the same place below
// the task's. It is a value; its methods read and write the kernel's files. A
// group that does not exist is empty.
type Group struct {
	tree *Tree
	path string // below the task's group
}

// String is the group as people read it: task/p-web.
func (g Group) String() string { return path.Join(path.Base(g.tree.hierarchies()[0]), g.path) }

// unified is the group's directory there, "" if there is no such hierarchy.
func (g Group) unified() string {
	if g.tree.place.Unified == "" {
		return ""
	}
	return path.Join(g.tree.place.Unified, g.path)
}

// v1 is the group's directory in the hierarchy of a controller, or "".
func (g Group) v1(controller string) string {
	dir, ok := g.tree.place.V1[controller]
	if !ok {
		return ""
	}
	return path.Join(dir, g.path)
}

// made are the group's directories that exist, the unified one first.
func (g Group) made() (dirs []string) {
	for _, dir := range g.tree.hierarchies() {
		if at := path.Join(dir, g.path); exists(at) {
			dirs = append(dirs, at)
		}
	}
	return dirs
}

// Exists says whether the group is there in any hierarchy.
func (g Group) Exists() bool { return len(g.made()) > 0 }

// Entry is what starting a process inside takes: the v2 directory to be cloned
// into ("" if there is none), and the cgroup.procs files of v1 hierarchies that
// the exec step writes "0" into, in this order. Only hierarchies in which the
// task has a limit, is counted, or is killed: ask again after Limit.
//
// Where a hierarchy has no group of this name, but one above within task/ or
// checks/, that is the one to enter: limits are hierarchical.
func (g Group) Entry() (unified string, v1 []string) {
	for _, dir := range g.tree.hierarchies() {
		at := g.nearest(dir)
		switch {
		case at == "":
		case dir == g.tree.place.Unified:
			unified = at
		default:
			v1 = append(v1, at+"/cgroup.procs")
		}
	}
	return unified, v1
}

// nearest is the group's directory in a hierarchy, or that of the nearest group
// above which exists there, up to task/ or checks/.
func (g Group) nearest(hierarchy string) string {
	for below := g.path; below != "." && below != ""; below = path.Dir(below) {
		if at := path.Join(hierarchy, below); exists(at) {
			return at
		}
	}
	return ""
}

// Procs answers every process in the group and below, each once, in ascending
// order; no zombies (v1 before 5.2 lists one whose other threads live). Pid 0
// is a process of another pid namespace.
func (g Group) Procs() ([]int, error) {
	var all []int
	for _, dir := range g.made() {
		var err error
		if all, err = procs(all, dir); err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// procs appends who is in a directory and below. Directories that go meanwhile
// are empty.
func procs(to []int, dir string) ([]int, error) {
	err := walk(dir, func(at string) error {
		err := withFile(at+"/cgroup.procs", func(b []byte) { to = pids(to, b) })
		// A threaded group: its processes are listed where the threads'
		// domain is, which is above, and below ours.
		if unsupported(err) || gone(err) {
			return nil
		}
		return err
	})
	return to, err
}

// walk calls each of a directory and the groups below it, children first.
func walk(dir string, each func(string) error) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		if gone(err) {
			return nil
		}
		return fmt.Errorf("look at group %s: %w", dir, err)
	}
	if st.Nlink != 2 { // a group without children has two links; 1 is a file system that does not count
		entries, err := os.ReadDir(dir)
		if err != nil && !gone(err) {
			return fmt.Errorf("list the groups below %s: %w", dir, reason(err))
		}
		for _, entry := range entries {
			if !entry.IsDir() {
				continue
			}
			if err := walk(path.Join(dir, entry.Name()), each); err != nil {
				return err
			}
		}
	}
	return each(dir)
}

// Populated says whether anything lives in the group or below, in any
// hierarchy.
func (g Group) Populated() (bool, error) {
	if dir := g.unified(); dir != "" {
		text, err := events(dir)
		if err != nil && !gone(err) {
			return false, err
		}
		if text.populated {
			return true, nil
		}
	}
	left, err := g.strays()
	return len(left) > 0, err
}

// strays are the processes below the group in hierarchies of v1. Where the
// unified hierarchy contains the task, these are what has left it: root may.
func (g Group) strays() (left []int, err error) {
	for _, dir := range g.made() {
		if dir == g.unified() {
			continue
		}
		if left, err = procs(left, dir); err != nil {
			return nil, err
		}
	}
	slices.Sort(left)
	return slices.Compact(left), nil
}

// someStrays are those of the first hierarchy that has any: v1's freezer, if
// everybody is where he should be. Reading all takes as often as long.
func (g Group) someStrays() (left []int, err error) {
	for _, dir := range g.made() {
		if dir == g.unified() {
			continue
		}
		if left, err = procs(nil, dir); err != nil || len(left) > 0 {
			return left, err
		}
	}
	return nil, nil
}

// state is what cgroup.events says: populated since 4.5, frozen since 5.2.
type state struct{ populated, frozen bool }

func events(dir string) (s state, err error) {
	err = withFile(dir+"/cgroup.events", func(b []byte) { s = parseEvents(b) })
	return s, err
}

func parseEvents(b []byte) state {
	return state{populated: flat(b, "populated") == 1, frozen: flat(b, "frozen") == 1}
}

// list joins what is said of some, of many the first twenty.
func list(pids []int, say func(int) string) string {
	var b strings.Builder
	for i, pid := range pids {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(pids)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(say(pid))
	}
	return b.String()
}

// most is how many processes an error names.
const most = 20
