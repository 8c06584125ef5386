package command

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// cell is where one command is run, one time after the other. Its group is kept
// from one time to the next while nobody had to be killed in it.
type cell struct {
	r     *Runner
	c     *Command
	open  context.Context
	shut  context.CancelFunc
	group cgroup.Group  // in tasks with groups
	made  bool          // the group is there, and nobody in it
	dying chan struct{} // not nil: closed when what was killed has been seen dead
	prior chan struct{} // not nil: closed when the cell before of this name is gone
	gone  chan struct{} // closed when this one is

	counts cgroup.OOMCounts // of the group at the end of the last time
}

func limitsOf(dir task.Dir) cgroup.Limits { return sandbox.CommandLimits(dir) }

func (r *Runner) newCell(c *Command) *cell {
	x := &cell{r: r, c: c, gone: make(chan struct{})}
	x.open, x.shut = context.WithCancel(r.open)
	if r.tree != nil {
		x.group = r.tree.Check(c.Name)
	}
	r.naming.Lock()
	defer r.naming.Unlock()
	x.prior, r.names[c.Name] = r.names[c.Name], x.gone
	return x
}

// close has the group removed; what still dies in it does so without us. It is
// to be called once.
func (x *cell) close() {
	x.shut()
	switch {
	case x.dying != nil:
		dying := x.dying
		x.r.owned.Go(func() {
			<-dying // or the runner leaves
			x.leave()
		})
		return
	case x.made:
		ctx, cancel := context.WithTimeout(x.r.last, lateBy)
		defer cancel()
		_ = x.group.Remove(ctx) // the next Open, or the end of the task, removes what stays
	}
	x.leave()
}

// leave lets the next one have the name.
func (x *cell) leave() {
	close(x.gone)
	x.r.naming.Lock()
	defer x.r.naming.Unlock()
	if x.r.names[x.c.Name] == x.gone {
		delete(x.r.names, x.c.Name)
	}
}

var (
	errDying  = errors.New("what was started last time has not died yet")
	errClosed = errors.New("no more commands are run")
)

// ready sees to it that there is a group without anybody in it.
func (x *cell) ready(deadline time.Time) error {
	for _, wait := range []*chan struct{}{&x.prior, &x.dying} {
		if *wait == nil {
			continue
		}
		select {
		case <-*wait:
			*wait = nil
		case <-time.After(time.Until(deadline)):
			return errDying
		case <-x.open.Done():
			return errClosed
		}
	}
	if x.open.Err() != nil {
		return errClosed
	}
	if x.r.tree == nil || x.made {
		return nil
	}
	if err := x.group.Make(); err != nil {
		return err
	}
	if _, err := x.group.Limit(x.r.limits); err != nil {
		return err
	}
	x.made = true
	return nil
}

// run runs the command once.
func (x *cell) run(deadline time.Time) Result {
	x.r.owned.Add(1)
	defer x.r.owned.Done()
	start := time.Now()
	r := x.attempt(deadline)
	if r.Took == 0 {
		r.Took = time.Since(start)
	}
	return x.c.unwall(r)
}

func (x *cell) attempt(deadline time.Time) Result {
	start := time.Now()
	if err := x.ready(deadline); err != nil {
		return Result{Exit: -1, Why: err.Error(), Ours: true, Cut: err == errClosed}
	}
	spec, err := x.c.spec(x.r.container)
	if err != nil {
		return x.c.settle(err)
	}
	if x.r.tree != nil {
		spec.Group, spec.Joins = x.group.Entry()
	}
	ours, theirs, err := newPipe(spec.UID, spec.GID)
	if err != nil {
		return x.c.settle(err)
	}
	was := x.count().Kills
	p, err := fork(&spec, theirs)
	theirs.Close()
	if err != nil {
		ours.Close()
		return x.c.settle(err)
	}
	out := newOutput(ours, x.c.Keep)
	r := x.await(p, deadline)
	r.Took = time.Since(start)
	x.clear(p, deadline)
	r.Output = out.finish()
	x.judge(&r, p)
	if !r.OK() {
		r.Memory = x.starved(was)
	}
	return r
}

// await waits for the end of the command, or of its time.
func (x *cell) await(p *process, deadline time.Time) (r Result) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	r.Exit = -1
	select {
	case <-p.exited:
	case <-timer.C:
		r.Late = true
	case <-x.open.Done():
		r.Cut = true
	}
	return r
}

// judge fills in how the main process ended, if it did by itself.
func (x *cell) judge(r *Result, p *process) {
	if r.Late || r.Cut {
		return
	}
	<-p.reaped
	switch {
	case p.err != nil:
		*r = x.c.settle(p.err)
	case p.end.Failure != nil:
		failed := x.c.settle(p.end.Failure)
		failed.Took = r.Took
		*r = failed
	default:
		r.Exit, r.Signal = p.end.Exit, p.end.Signal
	}
}

// clear kills what is left of the command. It waits for that until a moment
// after the deadline; after that it goes on by itself.
func (x *cell) clear(p *process, deadline time.Time) {
	ended := false
	select {
	case <-p.exited:
		ended = true
	default:
	}
	x.counts = x.count()
	if x.r.tree != nil && ended {
		close(p.release)
		<-p.reaped
		if populated, err := x.group.Populated(); err == nil && !populated && p.end.Signal != syscall.SIGKILL {
			return // whom a KILL has ended may have killed the group himself, and spoilt it
		}
	}
	dying := make(chan struct{})
	x.dying, x.made = dying, false
	x.r.owned.Add(1)
	go func() {
		defer x.r.owned.Done()
		defer close(dying)
		x.bury(p)
	}()
	patience := time.NewTimer(lateBy)
	defer patience.Stop()
	select {
	case <-dying:
		x.dying = nil
	case <-patience.C:
	}
}

// bury kills all that is left, and returns when it has been seen dead, or the
// runner leaves.
func (x *cell) bury(p *process) {
	if x.r.tree == nil {
		x.insist(func(ctx context.Context) error {
			return client.BuryCommand(ctx, x.r.dir, mark+x.c.Name, p.child.Pid, p.start)
		})
		close(p.release)
	} else {
		if !p.released() {
			// It may not have joined the group yet (v1), and be about to.
			_ = syscall.Kill(p.child.Pid, syscall.SIGKILL)
		}
		x.insist(x.group.Kill)
		if !p.released() {
			close(p.release)
		}
	}
	select {
	case <-p.reaped:
	case <-x.r.last.Done():
		return
	}
	if x.r.tree != nil {
		_ = x.group.Remove(x.r.last) // it is made anew in any case
	}
}

// insist does something until it succeeds, or the runner leaves.
func (x *cell) insist(do func(context.Context) error) {
	for x.r.last.Err() == nil && do(x.r.last) != nil {
		pause(x.r.last)
	}
}

// pause is between two attempts at what could not be asked.
func pause(ctx context.Context) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
}

// count is how many of the group the kernel has killed for want of memory.
func (x *cell) count() (c cgroup.OOMCounts) {
	if x.r.tree != nil {
		c, _ = x.group.OOM() // without a memory controller nobody is
	}
	return c
}

// starved is the limit at which something of the command was killed for want
// of memory, or 0.
func (x *cell) starved(was int64) int64 {
	if x.counts.Kills > was {
		return max(x.counts.Limit, 1)
	}
	return 0
}
