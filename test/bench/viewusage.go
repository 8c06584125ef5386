package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/observer/usage"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// readUsage measures the processor time of reading what 100 tasks of 3 live
// processes use: of each task, and of each process.
func readUsage(v *viewer) (rows []Row, err error) {
	trees, leaves, err := v.tasks(100, 3)
	defer func() { err = errors.Join(err, raze(trees...)) }()
	if err != nil {
		return nil, err
	}
	var views []*observer.View
	for _, tree := range trees {
		views = append(views, &observer.View{
			Groups: &sandbox.Groups{Place: tree.Place()},
			State:  machine.State{Processes: []machine.ProcessState{{Name: "0"}, {Name: "1"}, {Name: "2"}}},
		})
	}
	parent, err := inhabit(leaves)
	if parent != nil {
		defer func() { err = errors.Join(err, parent.Process.Kill(), killed(parent.Wait())) }()
	}
	if err != nil {
		return nil, err
	}
	meters := make([]usage.Meter, len(views))
	defer func() {
		for i := range meters {
			err = errors.Join(err, meters[i].Close())
		}
	}()
	rows = newRows("ms", "", "first")
	for n := range 5*v.times + 2 {
		ms, err := reading(meters, views)
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			rows[1].Values = append(rows[1].Values, ms)
			time.Sleep(v.rest())
		case n > 1: // the second learns that nobody waits
			rows[0].Values = append(rows[0].Values, ms)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return rows, nil
}

// rest is how long the pressure of those that have just been started takes to
// be settled, for Meters.
func (v *viewer) rest() time.Duration {
	if v.quick {
		return 0
	}
	return 6 * time.Second
}

// reading is the processor time of one reading of all tasks.
func reading(meters []usage.Meter, views []*observer.View) (ms float64, err error) {
	before, err := spent()
	if err != nil {
		return 0, err
	}
	for i := range meters {
		s, err := meters[i].Read(views[i])
		if err != nil {
			return 0, err
		}
		if want := len(views[i].State.Processes); len(s.Processes) != want {
			return 0, fmt.Errorf("read %d processes of a task of %d", len(s.Processes), want)
		}
	}
	after, err := spent()
	return float64(after-before) / 1e6, err
}

// spent is the processor time that this process has had.
func spent() (time.Duration, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, err
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// tasks makes the groups of n tasks, of so many processes each.
func (v *viewer) tasks(n, processes int) (trees []*cgroup.Tree, leaves []cgroup.Group, err error) {
	for range n {
		tree, err := v.tree()
		trees = append(trees, tree)
		if err != nil {
			return trees, nil, err
		}
		for p := range processes {
			leaf, err := v.leaf(tree, strconv.Itoa(p), usual)
			if err != nil {
				return trees, nil, err
			}
			leaves = append(leaves, leaf)
		}
	}
	return trees, leaves, nil
}

// inhabit has a process sleep in each group.
func inhabit(groups []cgroup.Group) (parent *exec.Cmd, err error) {
	parent, pids, err := have(len(groups))
	if err != nil {
		return nil, err
	}
	for i, g := range groups {
		for _, file := range doors(g) {
			if err := os.WriteFile(file, []byte(pids[i]), 0); err != nil {
				return parent, err
			}
		}
	}
	return parent, nil
}
