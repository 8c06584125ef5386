package main

import (
	"errors"
	"fmt"
	"time"
)

// measureMemory weighs us and the peers while n processes sleep.
func measureMemory(b *bench, n int) ([]Row, error) {
	rows := newRows("MB", ours, "shim", "shim, own", "brain", "brain, own")
	found := peers()
	for _, p := range found {
		rows = append(rows, Row{By: p.name, Unit: "MB"})
	}
	for range min(b.times, 3) {
		values, err := weighOurs(b, n)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			mb, err := weighPeer(b, p, n)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			values = append(values, mb)
		}
		for i, v := range values {
			rows[i].Values = append(rows[i].Values, v)
		}
	}
	return rows, nil
}

func newRows(unit string, names ...string) []Row {
	var rows []Row
	for _, name := range names {
		rows = append(rows, Row{By: name, Unit: unit})
	}
	return rows
}

func weighOurs(b *bench, n int) (values []float64, err error) {
	r, err := b.sleepers(n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.kill()) }()
	time.Sleep(b.settle())
	shimPid, brainPid, err := r.pids()
	if err != nil {
		return nil, err
	}
	shimWeight, err := weigh(shimPid)
	if err != nil {
		return nil, err
	}
	brainWeight, err := weigh(brainPid)
	if err != nil {
		return nil, err
	}
	return []float64{
		shimWeight.plus(brainWeight).pss, shimWeight.pss, shimWeight.own, brainWeight.pss, brainWeight.own,
	}, nil
}

// sleepersOf has a peer supervise n processes that sleep.
func (b *bench) sleepersOf(p peer, n int) (stop func() error, err error) {
	there, err := b.dir()
	if err != nil {
		return nil, err
	}
	var scripts []string
	for i := range n {
		scripts = append(scripts, fmt.Sprintf(": >%s/%d; exec sleep 3600", there, i))
	}
	if stop, err = p.supervise(b, scripts); err != nil {
		return nil, err
	}
	err = await(fmt.Sprintf("%d processes sleep", n), time.Minute, func() bool { return count(there) == n })
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

func weighPeer(b *bench, p peer, n int) (mb float64, err error) {
	stop, err := b.sleepersOf(p, n)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	time.Sleep(b.settle())
	w, err := weigh(b.marked(p.programs)...)
	return w.pss, err
}

// measureIdle counts what is done while nothing happens.
func measureIdle(b *bench) ([]Row, error) {
	rows := append(newRows("ticks", "dewar, CPU over 30 s"),
		newRows("switches", "shim, context switches in 10 s", "brain, context switches in 10 s")...)
	r, err := b.sleepers(50)
	if err != nil {
		return nil, err
	}
	values, err := idleOurs(b, r)
	if err = errors.Join(err, r.kill()); err != nil {
		return nil, err
	}
	for _, p := range peers() {
		rows = append(rows, Row{By: p.name + ", CPU over 30 s", Unit: "ticks"}, Row{By: p.name + ", context switches in 10 s", Unit: "switches"})
		stop, err := b.sleepersOf(p, 50)
		if err != nil {
			return nil, err
		}
		time.Sleep(b.settle())
		short, long, err := b.watch(b.marked(p.programs))
		if err = errors.Join(err, stop()); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		values = append(values, long.ticks, short.switches)
	}
	for i := range rows {
		rows[i].Values = values[i : i+1]
	}
	return rows, nil
}

func idleOurs(b *bench, r *running) ([]float64, error) {
	time.Sleep(b.settle())
	shimPid, brainPid, err := r.pids()
	if err != nil {
		return nil, err
	}
	if b.quick { // a short pause is not enough on a busy machine
		if err := comeToRest(shimPid, brainPid); err != nil {
			return nil, err
		}
	}
	shimShort, shimLong, err := b.watch([]int{shimPid})
	if err != nil {
		return nil, err
	}
	brainShort, brainLong, err := b.watch([]int{brainPid})
	if err != nil {
		return nil, err
	}
	return []float64{shimLong.ticks + brainLong.ticks, shimShort.switches, brainShort.switches}, nil
}

// comeToRest waits until processes have stood still for half a second.
func comeToRest(pids ...int) error {
	var last effort
	return await("shim and brain have come to rest", 30*time.Second, func() bool {
		before := last
		time.Sleep(500 * time.Millisecond)
		var err error
		last, err = exert(pids...)
		return err == nil && last == before
	})
}

// watch counts what processes do in 10 s and in 30 s.
func (b *bench) watch(pids []int) (short, long effort, err error) {
	first, rest := 10*time.Second, 20*time.Second
	if b.quick {
		first, rest = time.Second, 100*time.Millisecond
	}
	var at [3]effort
	for i, pause := range []time.Duration{0, first, rest} {
		time.Sleep(pause)
		if at[i], err = exert(pids...); err != nil {
			return effort{}, effort{}, err
		}
	}
	return at[1].minus(at[0]), at[2].minus(at[0]), nil
}

func (e effort) minus(f effort) effort {
	return effort{e.ticks - f.ticks, e.switches - f.switches}
}
