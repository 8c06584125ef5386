package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// The works that are done once with each kind of control groups: within this
// program, executed anew where it sees that kind only.
const (
	inAGroup = "a process started in a group with limits, more than without"
	usageOf  = "usage of 100 tasks × 3 processes, CPU"
	killFew  = "killing 1,000 processes"
	killMany = "killing 10,000 processes"
)

// viewWorks are these works as they are done within one view.
var viewWorks = map[string]func(*viewer) ([]Row, error){
	inAGroup: startInGroup,
	usageOf:  readUsage,
	killFew:  func(v *viewer) ([]Row, error) { return killAll(v, 1000) },
	killMany: func(v *viewer) ([]Row, error) { return killAll(v, 10_000) },
}

// viewer does works with the groups that this process sees.
type viewer struct {
	host  cgroup.Host
	bin   string
	place string
	times int
	quick bool
	trees int
}

// Seen is what a view says on its standard output.
type Seen struct {
	Mode   cgroup.Mode `json:"mode"`   // None: there are no groups, and so no rows
	Limits bool        `json:"limits"` // the groups of this view can limit
	Rows   []Row       `json:"rows,omitempty"`
}

// view is the command `view WORK BIN TIMES QUICK`: it does one work and writes
// a Seen.
func view(args []string) (err error) {
	if len(args) != 4 || viewWorks[args[0]] == nil {
		return fmt.Errorf("view %q: not WORK BIN TIMES QUICK", args)
	}
	v := &viewer{bin: args[1], quick: args[3] == "true"}
	if v.times, err = strconv.Atoi(args[2]); err != nil {
		return err
	}
	if v.host, err = cgroup.Look(); err != nil {
		return err
	}
	if v.place, err = os.MkdirTemp("", "dewar-bench-view-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(v.place)) }()
	seen := Seen{Mode: v.host.Mode, Limits: v.limits()}
	if v.host.Mode != cgroup.None {
		if err := v.stepAside(); err != nil {
			return err
		}
		seen.Rows, err = viewWorks[args[0]](v)
	}
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(seen))
}

// limits says whether there is all that the works limit.
func (v *viewer) limits() bool {
	for _, word := range []string{"cpu", "memory", "pids"} {
		if !v.host.Controllers[word].Usable {
			return false
		}
	}
	return true
}

// stepAside leaves our own group, where it has to hand controllers down.
func (v *viewer) stepAside() error {
	others, err := v.host.Strangers(os.Getpid())
	if err != nil || len(others) > 0 {
		return errors.Join(err, some("keep our own group from handing controllers down: processes", others))
	}
	if mine, err := v.host.Strangers(); err != nil || len(mine) == 0 {
		return err
	}
	place, err := v.host.Place("bench")
	if err != nil {
		return err
	}
	return cgroup.Open(place).Make(os.Getpid())
}

func some(what string, pids []int) error {
	if len(pids) == 0 {
		return nil
	}
	return fmt.Errorf("%s %v", what, pids)
}

// tree makes the groups of another task.
func (v *viewer) tree() (*cgroup.Tree, error) {
	v.trees++
	place, err := v.host.Place(v.place + strconv.Itoa(v.trees))
	if err != nil {
		return nil, err
	}
	tree := cgroup.Open(place)
	return tree, tree.Make()
}

// leaf makes the group of one process, with limits where there are any.
func (v *viewer) leaf(tree *cgroup.Tree, name string, l cgroup.Limits) (cgroup.Group, error) {
	leaf := tree.Process(name)
	err := leaf.Make()
	if err == nil && v.limits() {
		_, err = leaf.Limit(l)
	}
	return leaf, err
}

// usual are a process' limits.
var usual = cgroup.Limits{CPU: 0.5, RAM: 64 << 20, Pids: 100}

// raze removes groups with all that lives in them.
func raze(trees ...*cgroup.Tree) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var all []error
	for _, tree := range trees {
		all = append(all, tree.Task().Kill(ctx), tree.Remove(ctx))
	}
	return errors.Join(all...)
}
