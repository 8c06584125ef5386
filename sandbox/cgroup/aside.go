package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"syscall"
)

// Beside answers who stands in our own group itself, where on v2 controllers can
// be handed down only when nobody does. It is nobody where our own group is the
// root of all.
func (t *Tree) Beside() ([]int, error) {
	own := path.Dir(t.place.Unified)
	if t.place.Unified == "" || isRoot(own) {
		return nil, nil
	}
	return procs1(own)
}

// StepAside moves processes into ctl/, in all hierarchies. One that has ended
// meanwhile is in nobody's way.
func (t *Tree) StepAside(pids ...int) error {
	if len(pids) == 0 {
		return nil
	}
	if err := t.Ctl().Make(); err != nil {
		return err
	}
	var all []error
	for _, dir := range t.Ctl().made() {
		for _, pid := range pids {
			all = append(all, unlessGone(writeFile(dir+"/cgroup.procs", strconv.Itoa(pid))))
		}
	}
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("step aside into ctl: %w", err)
	}
	return nil
}

// StepHome moves the last of us out of ctl/ to where they came from, so that
// one of them can Remove everything. task/ and checks/ have to be gone. One that
// has ended meanwhile is in nobody's way. The error
// wraps EBUSY where the kernel does not let them: our own group hands controllers
// down also for others, or somebody else stands in ctl/.
func (t *Tree) StepHome(pids ...int) error {
	err := t.stepBack(pids...)
	if errors.Is(err, syscall.EBUSY) {
		err = t.stepOut(pids...)
	}
	return err
}

// stepBack moves processes out of ctl/. On v2 the kernel refuses that (EBUSY)
// for as long as our own group hands controllers down, unless it is the root.
func (t *Tree) stepBack(pids ...int) error {
	var all []error
	for _, dir := range t.Ctl().made() {
		for _, pid := range pids {
			all = append(all, unlessGone(writeFile(path.Dir(path.Dir(dir))+"/cgroup.procs", strconv.Itoa(pid))))
		}
	}
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("step back out of ctl: %w", err)
	}
	return nil
}

// stepOut is stepBack below a group that is not the root: when task/ and checks/
// have gone, it need not hand controllers down any more, if the task's is the only
// one in it.
func (t *Tree) stepOut(pids ...int) error {
	own := path.Dir(t.place.Unified)
	standing, err := procs(nil, t.place.Unified)
	if err != nil {
		return err
	}
	for _, pid := range standing {
		if !slices.Contains(pids, pid) {
			return fmt.Errorf("step out of ctl: process %d is there, too: %w", pid, syscall.EBUSY)
		}
	}
	entries, err := os.ReadDir(own)
	if err != nil {
		return fmt.Errorf("step out of ctl: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != path.Base(t.place.Unified) {
			return fmt.Errorf("step out of ctl: there is the group %s, too: %w", entry.Name(), syscall.EBUSY)
		}
	}
	for _, dir := range []string{t.place.Unified, own} {
		if err := withdraw(dir); err != nil {
			return fmt.Errorf("step out of ctl: %w", err)
		}
	}
	return t.stepBack(pids...)
}
