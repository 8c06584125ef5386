package supervisor

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// farewells are the life-cycle calls and pre_stops that are being done, each in a
// goroutine of its own, which tells b.parted what came of it. The one who closes
// the brain waits for them.
type farewells struct {
	calls   map[machine.Step]healthcheck.Asker
	parting map[task.RunID]healthcheck.Asker
	parted  chan machine.Record // a Called or a PreStopped
	waving  sync.WaitGroup
	stopped string // the reason that was last written into the sandbox
}

func newFarewells() farewells {
	return farewells{
		calls:   make(map[machine.Step]healthcheck.Asker),
		parting: make(map[task.RunID]healthcheck.Asker),
		parted:  make(chan machine.Record),
	}
}

// call makes a life-cycle call. One that is being made already goes on; one that
// had to wait until nobody is left to be called, or no time, is not made.
func (b *brain) call(a machine.Call) {
	if b.calls[a.Step] != nil || a.By <= now().Boot || b.clearing || b.machine.Phase() != machine.StateCleaning {
		return
	}
	b.tellReason(task.RunID{})
	asker, err := b.lifecycleAsker(a)
	if err != nil {
		b.facts = append(b.facts, machine.Called{Step: a.Step, Said: "could not be made: " + err.Error()})
		return
	}
	b.point("before calling")
	b.calls[a.Step] = asker
	b.wave(asker, a.By, func(answer healthcheck.Answer) machine.Record {
		heard, said := heardOf(answer)
		return machine.Called{Step: a.Step, Heard: heard, Said: said}
	})
	b.point("after calling")
}

// preStop does a run's pre_stop, under the same conditions.
func (b *brain) preStop(a machine.PreStop) {
	run, _ := b.machine.Run(a.RunID)
	if b.parting[a.RunID] != nil || a.By <= now().Boot || b.clearing || !run.Live() || run.Stop != nil || run.Kill != "" {
		return
	}
	b.tellReason(a.RunID)
	asker, err := b.preStopAsker(a.RunID)
	if err != nil {
		b.fact(a.RunID, machine.PreStopped{RunID: a.RunID, Failure: brief(err.Error())})
		return
	}
	b.point("before a pre_stop")
	b.parting[a.RunID] = asker
	b.wave(asker, a.By, func(answer healthcheck.Answer) machine.Record {
		r := machine.PreStopped{RunID: a.RunID}
		if answer.Outcome != judge.OK {
			r.Failure = answer.Reason
		}
		return r
	})
	b.point("after a pre_stop")
}

// wave asks until a boot time, off the loop.
func (b *brain) wave(asker healthcheck.Asker, by int64, record func(healthcheck.Answer) machine.Record) {
	deadline := time.Now().Add(time.Duration(by - now().Boot))
	b.waving.Add(1)
	go func() {
		defer b.waving.Done()
		r := record(asker.Ask(deadline))
		select {
		case b.parted <- r:
		case <-b.until.Done():
		}
	}()
}

// noteParted notes what came of a call or a pre_stop, if that is still of
// interest: a run that has ended is not asked after.
func (b *brain) noteParted(r machine.Record) {
	switch r := r.(type) {
	case machine.Called:
		b.letGoOf(b.calls[r.Step])
		delete(b.calls, r.Step)
		b.facts = append(b.facts, r)
	case machine.PreStopped:
		b.letGoOf(b.parting[r.RunID])
		delete(b.parting, r.RunID)
		run, _ := b.machine.Run(r.RunID)
		if run.Live() && !run.PreStop.Over && !b.pending[r.RunID] {
			b.fact(r.RunID, r)
		}
	}
}

// cutShort ends the pre_stop of a run that has ended, or whose signal comes.
func (b *brain) cutShort(id task.RunID) {
	if asker := b.parting[id]; asker != nil {
		b.letGoOf(asker)
	}
}

// cutAllShort ends all that is being done: everything is about to be killed.
func (b *brain) cutAllShort() {
	for _, asker := range b.calls {
		b.letGoOf(asker)
	}
	for _, asker := range b.parting {
		b.letGoOf(asker)
	}
}

// letGoOf ends what an asker does, and does not wait for that: the kernel may take
// its time over a group.
func (b *brain) letGoOf(asker healthcheck.Asker) {
	if asker == nil {
		return
	}
	b.waving.Add(1)
	go func() {
		defer b.waving.Done()
		_ = asker.Close() // what came of asking says it
	}()
}

// closeFarewells ends all, and waits for it. It comes after b.leave.
func (b *brain) closeFarewells() {
	b.cutAllShort()
	b.waving.Wait()
}

// preStopAsker is what a run's pre_stop asks.
func (b *brain) preStopAsker(id task.RunID) (healthcheck.Asker, error) {
	def := b.processes[id.Process].PreStop
	if def.HTTP != nil {
		asked := machine.Asked{CheckID: machine.CheckID{Process: id.Process}, Run: id.Run}
		return b.requestAsker(asked, *def.HTTP)
	}
	runner, err := b.commands()
	if err != nil {
		return nil, err
	}
	place, err := b.placeOf(id)
	if err != nil {
		return nil, err
	}
	return runner.Asker(command.Command{
		Place: place, Name: "pre_stop " + id.String(), Shell: def.Cmdline, Argv: def.Argv,
		Env: []string{sandbox.StopReasonEnv + "=" + b.machine.StopReason(id)},
	}), nil
}

// tellReason sees to it that the sandbox says why a run is stopped, or with the
// zero RunID the task, before anything is done about it. That it cannot keeps
// nothing from being stopped.
func (b *brain) tellReason(id task.RunID) {
	reason := b.machine.StopReason(id)
	if reason == "" || reason == b.stopped && b.machine.Phase() != machine.Active {
		return
	}
	b.stopped = reason
	u, err := b.user(&task.Process{})
	if err == nil {
		err = sandbox.WriteStopReason(b.Dir, u, reason)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // no sandbox: nothing was ever started
		b.log("why %s is not in the sandbox: %v", reason, err)
	}
}
