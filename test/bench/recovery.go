package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// reopening is the one work that is done within this very process.
const reopening = "reopening a journal of 100,000 records"

// measureReopen measures what a brain does with a journal before it can work:
// reading and checking every record, and folding it.
func measureReopen(b *bench) ([]Row, error) {
	const records = 100_000
	dir, err := b.dir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "journal")
	t := daemons(50)
	if err := writeJournal(path, t, records); err != nil {
		return nil, err
	}
	row := Row{By: ours, Unit: "ms"}
	for range b.times {
		begun := time.Now()
		m := machine.New(t)
		j, err := journal.Open(path, journal.Options{}, m.Replay)
		if err != nil {
			return nil, err
		}
		row.Values = append(row.Values, float64(time.Since(begun))/1e6)
		if got := j.Records(); got != records || m.Seq() != records {
			return nil, fmt.Errorf("reopen the journal: %d records read, %d folded, %d written", got, m.Seq(), records)
		}
		if err := j.Close(); err != nil {
			return nil, err
		}
	}
	return []Row{row}, nil
}

func daemons(n int) task.Task {
	t := task.Task{Name: "daemons", MaxFailures: 1}
	for i := range n {
		t.Processes = append(t.Processes, task.Process{
			Name: fmt.Sprintf("p%d", i), Cmdline: "true", Daemon: true, MaxFailures: 1,
			StopSignal: "TERM", StopTo: task.StopGroup,
		})
	}
	return t
}

// writeJournal writes the journal of a task whose processes have run, one
// after the other, again and again.
func writeJournal(path string, t task.Task, records int) (err error) {
	j, err := journal.Open(path, journal.Options{}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	m := machine.New(t)
	at := machine.Instant{Boot: 1e12, Wall: time.Now().UnixNano()}
	put := func(r machine.Record) error {
		at.Boot, at.Wall = at.Boot+1e6, at.Wall+1e6
		payload := machine.Encode(m.Seq()+1, at, r)
		if err := m.Apply(at, r); err != nil {
			return err
		}
		return j.Append(journal.Ordinary, payload)
	}
	if err := put(machine.Created{ID: taskID, Name: t.Name, Format: 1}); err != nil {
		return err
	}
	if err := put(machine.TakenUp{Pid: 1, Version: "bench", BootID: "bench"}); err != nil {
		return err
	}
	success := 0
	for n := 0; m.Seq() < uint64(records); n++ {
		id := task.RunID{Process: t.Processes[n%len(t.Processes)].Name, Run: n / len(t.Processes)}
		end := machine.Ended{RunID: id, State: machine.RunSuccess, Exit: &success, At: machine.Instant{Boot: at.Boot + 1e6, Wall: at.Wall + 1e6},
			Rusage: machine.Rusage{User: 1e6, System: 2e6, MaxRSS: 3 << 20}}
		for _, r := range []machine.Record{machine.Forking{RunID: id}, machine.Started{RunID: id, Pid: 1000 + n, Start: 123456}, end} {
			if m.Seq() == uint64(records) {
				break
			}
			if err := put(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// live is how many processes there are to be taken up.
const live = 200

// measureTakeUp kills the brain of a task with 200 live processes, and waits
// until the next one answers for it.
func measureTakeUp(b *bench) ([]Row, error) {
	row := Row{By: ours, Unit: "ms"}
	for range min(b.times, 10) {
		r, err := b.sleepers(live)
		if err != nil {
			return nil, err
		}
		ms, err := takeUp(r)
		if err = errors.Join(err, r.kill()); err != nil {
			return nil, err
		}
		row.Values = append(row.Values, ms)
	}
	return []Row{row}, nil
}

func takeUp(r *running) (ms float64, err error) {
	_, brain, err := r.pids()
	if err != nil {
		return 0, err
	}
	if err := answers(r, 0); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := unix.Kill(brain, unix.SIGKILL); err != nil {
		return 0, err
	}
	err = answers(r, brain)
	return float64(time.Since(begun)) / 1e6, err
}

// answers waits until a brain, but not the one that is no more, says that all
// the processes live.
func answers(r *running, noMore int) error {
	var last error
	err := await("a brain answers for all live processes", 30*time.Second, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var status control.Status
		last = control.Do(ctx, r.dir(), control.PathStatus, nil, &status)
		return last == nil && status.Pid != noMore && status.State != nil && status.State.Counts.Live == live
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}
