package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// request is a request to the shim that waits to be sent, with the run that it
// is about.
type request struct {
	client.Request
	kind string
	run  task.RunID
}

// queue prepares an act, or lets it wait for evidence.
func (b *brain) queue(act machine.Act) {
	if !b.awaitsEvidence(act) {
		b.perform(act)
	}
}

// perform prepares an act. What it asks of the shim goes out with the next send.
func (b *brain) perform(act machine.Act) {
	switch a := act.(type) {
	case machine.Spawn:
		b.prepare(a.RunID)
	case machine.Call:
		b.call(a)
	case machine.PreStop:
		b.preStop(a)
	case machine.Stop:
		b.cutShort(a.RunID)
		b.tellReason(a.RunID)
		b.signal(a.RunID, a.Signal, a.To)
	case machine.Signal:
		b.signal(a.RunID, a.Signal, a.To)
	case machine.Kill:
		b.cutShort(a.RunID)
		if !b.neverBegun(a.RunID) {
			b.requests = append(b.requests, request{client.Kill(a.RunID), "kill", a.RunID})
		}
	case machine.Clear:
		b.cutAllShort()
		b.clearing = true
		b.overtakeEvidence()
		b.requests = append(b.requests, request{client.Clear(), "clear", task.RunID{}})
	case machine.End: // drive sees that the task is over
	}
}

func (b *brain) signal(id task.RunID, signal task.Signal, to task.StopTo) {
	if !b.neverBegun(id) {
		b.requests = append(b.requests, request{client.Signal(id, signal.Number(), to), "signal", id})
	}
}

func (b *brain) forget(id task.RunID) {
	b.requests = append(b.requests, request{client.Seen(id), "seen", id})
}

// neverBegun ends a run for which there was no room, instead of stopping it.
func (b *brain) neverBegun(id task.RunID) bool {
	if !b.unspawned[id] {
		return false
	}
	b.judge(machine.Exit{RunID: id, Unspawned: true, At: now()})
	return true
}

// prepare writes a run's spec and queues its start. Whatever else than want of
// room stands in the way is the run's end.
func (b *brain) prepare(id task.RunID) {
	if b.stale[id] {
		b.relist = true // which finds out what became of it
		return
	}
	if b.graves[id.Process] || b.graves[""] { // it would be killed as well: interred starts it
		b.unspawned[id] = true
		return
	}
	b.prune(id)
	spec, err := b.spec(id)
	if err == nil {
		if e := b.enter(&spec, id); e != nil {
			err = errors.New(e.Error()) // for a group "no space" is not about the disk
		}
	}
	if err == nil {
		err = b.write(id, spec)
	}
	switch {
	case err == nil:
		b.requests = append(b.requests, request{client.Spawn(id), "spawn", id})
		if len(b.requests) >= atOnce {
			b.takeOff()
		}
	case noRoom(err):
		b.lackRoom(id, err.Error())
	default:
		b.judge(machine.Exit{RunID: id, Error: err.Error(), At: now()})
	}
}

// write puts a run's spec where the shim reads it.
func (b *brain) write(id task.RunID, spec shim.Spec) error {
	if err := client.MakeRun(b.Dir, id); err != nil {
		return err
	}
	if err := b.wall(&spec, id); err != nil {
		return err
	}
	return client.WriteSpec(b.Dir, id, spec)
}

// spawnForked starts those runs that had to wait, for room or for the end of an
// earlier one's group.
func (b *brain) spawnForked() {
	waiting := b.unspawned
	b.unspawned = make(map[task.RunID]bool)
	for _, id := range b.machine.Live() {
		if waiting[id] {
			b.prepare(id)
		}
	}
}

// atOnce is how many requests gather before they go out. Waiting for more
// would leave the shim idle while specs are being written.
const atOnce = 8

// flight is requests on their way to the shim.
type flight struct {
	requests []request
	wait     func() []error
}

// takeOff sends what is queued with one write, and does not wait for answers.
func (b *brain) takeOff() {
	for len(b.requests) > 0 {
		n := len(b.requests)
		if b.Crash != nil {
			n = 1 // a point before and after each
		}
		batch := make([]client.Request, n)
		for i, r := range b.requests[:n] {
			batch[i] = r.Request
		}
		b.point("before asking to " + b.requests[0].kind)
		b.flights = append(b.flights, flight{b.requests[:n], b.shim.Begin(batch...)})
		b.point("after asking to " + b.requests[0].kind)
		b.requests = b.requests[n:]
	}
	b.requests = nil
}

// send asks the shim for all that is queued, and waits for its answers.
func (b *brain) send() error {
	b.takeOff()
	flights := b.flights
	b.flights = nil
	for _, f := range flights {
		for i, err := range f.wait() {
			if err := b.answered(f.requests[i], err); err != nil {
				return err
			}
		}
	}
	return nil
}

// answered handles the shim's answer to a request.
func (b *brain) answered(r request, err error) error {
	var refused *client.Refused
	switch {
	case err == nil && r.kind == "kill": // and on record, so that its end is known as ours
		b.interRun(r.run)
		return nil
	case err == nil && r.kind == "clear":
		if !b.isEmpty("") {
			b.inter("")
		}
		return nil
	case err == nil:
		return nil
	case !errors.As(err, &refused):
		return fmt.Errorf("%w: %w", errShimGone, err)
	case r.kind == "spawn" && saysNoRoom(refused.Sentence):
		b.lackRoom(r.run, refused.Sentence)
	case r.kind == "spawn":
		b.judge(machine.Exit{RunID: r.run, Error: refused.Sentence, At: now()})
	case r.kind == "clear":
		return err
	case r.kind == "seen":
		b.log("the shim keeps what it knows of an ended run: %v", err)
	default:
		b.log("the shim knows more, or less, than we do: %v", err)
		b.relist = true
	}
	return nil
}

// tell makes one request that is not queued.
func (b *brain) tell(what string, ask func() error) error {
	b.point("before asking to " + what)
	err := ask()
	b.point("after asking to " + what)
	var refused *client.Refused
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", errShimGone, err)
	}
	return err
}

func (b *brain) point(name string) {
	if b.Crash != nil {
		b.Crash(name)
	}
}

// end lets the shim go. The task is over, and nothing of it lives.
func (b *brain) end(ctx context.Context) error {
	if err := b.journal.Release(); err != nil {
		b.log("%v", err)
	}
	b.letGo(ctx)
	return b.tell("end", b.shim.End)
}

// letGo removes what a task that is over has outside of its directory: its
// walls' memory, its groups, its quota of the disk. It may be done again.
func (b *brain) letGo(ctx context.Context) {
	b.clearWalls()
	b.vacate(ctx)
	if err := sandbox.ReleaseDisk(b.Dir); err != nil {
		b.log("%v", err)
	}
}

// prune drops the runs of a process that a new one makes too old. One
// that is kept for a reason of its own is dropped by a later start of ours.
func (b *brain) prune(id task.RunID) {
	const kept = 20
	old := task.RunID{Process: id.Process, Run: id.Run - kept}
	if old.Run < 0 || b.machine.Keeps(old) {
		return
	}
	if err := sandbox.Prune(b.Dir, old); err != nil {
		b.log("an old run stays on the disk: %v", err)
	}
}
