package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Make makes the group in each hierarchy that every process enters, before
// something is started in it. (blkio and cpuset of v1 are entered only where
// somebody limits them: Limit makes those.)
//
// A group that exists is taken up if somebody lives in it. If nobody does it is
// made anew, and so has no limits and counts from 0: Linux 6.18 kills at birth
// whatever is cloned into a group that was once killed by cgroup.kill. (It
// compares the number of kills of the parent's group with that of the new one.
// 6.1 does not.) And a payload of root's, or of the user to whom the group is
// delegated, may have left its leaf as no run can be born into it: see Fit.
// Watchers of it have to be told again.
func (g Group) Make() error {
	if err := g.clear(); err != nil {
		return fmt.Errorf("make group %s anew: %w", g, err)
	}
	return g.make()
}

// clear removes the group if nobody lives in it, and if it is a process' or a
// check's also the groups below, which are the payload's.
func (g Group) clear() error {
	populated, err := g.Populated()
	if err != nil || populated {
		return err
	}
	dirs := g.made()
	slices.Reverse(dirs) // what contains the task goes last
	for _, dir := range dirs {
		if g.leaf() {
			_, err = removeOnce(dir)
		} else if err = unix.Rmdir(dir); errors.Is(err, syscall.EBUSY) || gone(err) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaf says whether the group is a process' or a check's.
func (g Group) leaf() bool { return strings.HasPrefix(path.Base(g.path), "p-") }

// Fit says whether a run can be born into the group as it is. A payload that may
// write there can hand controllers down from its leaf, so that it takes nobody,
// make it one of threads, or freeze it, and be gone. That it has killed the leaf
// cannot be seen. A group that does not exist is not fit.
func (g Group) Fit() (bool, error) {
	if !g.Exists() {
		return false, nil
	}
	type file struct {
		name string
		fit  []string
	}
	dir, files := g.unified(), []file{{"cgroup.subtree_control", []string{""}}, {"cgroup.type", []string{"domain", "domain threaded"}}, {"cgroup.freeze", []string{"0"}}}
	if dir == "" {
		dir, files = g.v1("freezer"), []file{{"freezer.self_freezing", []string{"0"}}}
	}
	for _, f := range files {
		text, err := readFile(dir + "/" + f.name)
		if err != nil && !gone(err) {
			return false, err
		}
		if err == nil && !slices.Contains(f.fit, text) {
			return false, nil
		}
	}
	return true, nil
}

// make takes up what is there.
func (g Group) make() error {
	for _, controller := range g.tree.controllers() {
		if controller == "blkio" || controller == "cpuset" {
			continue
		}
		if err := makeDir(g.v1(controller)); err != nil {
			return err
		}
	}
	if g.tree.place.Unified == "" {
		return nil
	}
	return makeDir(g.unified())
}

// makeIn makes the group, and those above it, in a hierarchy of v1 that is not
// entered by default.
func (g Group) makeIn(controller string) error {
	dir, ok := g.tree.place.V1[controller]
	if !ok {
		return fmt.Errorf("make group %s: there is no %s hierarchy: %w", g, controller, os.ErrNotExist)
	}
	for _, below := range append([]string{""}, prefixes(g.path)...) {
		at := path.Join(dir, below)
		if err := makeDir(at); err != nil {
			return err
		}
		if controller == "cpuset" {
			if err := inheritCPUSet(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// prefixes of a/b/c are a, a/b, a/b/c.
func prefixes(p string) (all []string) {
	for at, c := range p {
		if c == '/' {
			all = append(all, p[:at])
		}
	}
	if p != "" {
		all = append(all, p)
	}
	return all
}
