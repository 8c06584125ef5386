package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// redo repeats what the journal implies and a death may have left undone.
func (b *brain) redo() {
	for _, act := range b.machine.Outstanding() {
		if b.isDue(act) {
			b.queue(act)
		}
	}
	b.pruneAll()
}

// noteCleared notes that nothing of the task lives, if every run's end is
// recorded; the shim, whose word it is, has just been asked for everything.
func (b *brain) noteCleared() {
	b.cleared = false
	if len(b.machine.Live()) > 0 || b.alive > 0 {
		b.log("nothing is said to live any more, but something does: clear again")
		b.queue(machine.Clear{})
		return
	}
	if !b.isEmpty("") {
		b.proof = true
		b.inter("")
		return
	}
	b.clearing = false
	b.facts = append(b.facts, machine.Cleared{})
}

// list asks the shim for all that it knows, and compares.
func (b *brain) list(ctx context.Context) error {
	b.relist = false
	var g client.Greeting
	err := b.tell("list", func() (err error) {
		g, err = b.shim.List()
		return err
	})
	if err != nil {
		return err
	}
	b.alive = g.Strays
	for _, r := range g.Runs {
		if r.State != shim.Ended {
			b.alive++
		}
	}
	return b.compare(ctx, g)
}

// compare notes as facts all that the status files say and the machine does
// not know. A run that this shim does not know was another's: its final status
// counts, else it is buried first and then lost.
func (b *brain) compare(ctx context.Context, g client.Greeting) error {
	known := make(map[task.RunID]client.Run, len(g.Runs))
	for _, r := range g.Runs {
		known[r.RunID] = r
	}
	var gone []orphan
	if !b.taken {
		gone = b.findStale(known)
	}
	b.takeUp()
	for _, id := range b.machine.Live() {
		if r, ok := known[id]; ok {
			b.compareKnown(id, r)
		} else if o, ok := b.compareUnknown(id); ok {
			gone = append(gone, o)
		}
	}
	for _, id := range b.machine.Strays() {
		if o, ok := b.compareStrays(id, known); ok {
			gone = append(gone, o)
		}
	}
	if err := b.bury(ctx, gone); err != nil {
		return err
	}
	b.tidy(g)
	return nil
}

// takeUp notes the records that a journal needs before any other of ours.
func (b *brain) takeUp() {
	if b.taken {
		return
	}
	if b.machine.Seq() == 0 {
		b.facts = append(b.facts, machine.Created{ID: b.launch.ID, Name: b.launch.Task.Name, Format: 1})
	}
	b.facts = append(b.facts, machine.TakenUp{Pid: os.Getpid(), Version: b.Version, BootID: b.boot})
}

func (b *brain) compareKnown(id task.RunID, r client.Run) {
	s, found, err := b.status(id)
	switch {
	case found:
		b.believe(id, s)
	case r.State == shim.Ended:
		b.lost(id, "it has ended, and the shim's word of how is lost: %v", absent(err))
	default:
		b.log("%s lives, and its status does not say how it fares: %v", id, absent(err))
	}
}

func absent(err error) error {
	if err == nil {
		return fmt.Errorf("there is no status")
	}
	return err
}

// orphan is a run whose shim is no more, with what its status says.
type orphan struct {
	task.RunID
	status shim.Status
	after  func() // notes the fact, when nothing of the run lives
}

// compareUnknown handles a live run that this shim does not know.
func (b *brain) compareUnknown(id task.RunID) (orphan, bool) {
	s, found, err := b.status(id)
	switch {
	case found && s.State == shim.Ended && (s.Left == 0 || s.Boot != b.boot || b.stale[id]):
		s.Left = 0
		b.believe(id, s)
		return orphan{}, false
	case found && s.State == shim.Ended:
		return orphan{id, s, func() { s.Left = 0; b.believe(id, s) }}, true
	case b.stale[id]: // and buried
		b.lost(id, "the journal has lost its end, and nothing says how the run ended")
		return orphan{}, false
	case b.rebooted || found && s.Boot != b.boot:
		b.lost(id, "the machine was restarted while it ran")
		return orphan{}, false
	case found:
		return orphan{id, s, func() { b.lost(id, "the shim died, and left no result") }}, true
	case err != nil:
		return orphan{id, s, func() { b.lost(id, "the shim has gone, and its word of the run is lost: %v", err) }}, true
	}
	if run, _ := b.machine.Run(id); b.cleared || run.Stop != nil || run.Kill != "" {
		b.judge(machine.Exit{RunID: id, Unspawned: true, At: now()})
	}
	return orphan{}, false // it was never begun; Outstanding says so
}

// compareStrays handles a run that has ended and left descendants behind. With a
// reboot they are gone, and the machine knows.
func (b *brain) compareStrays(id task.RunID, known map[task.RunID]client.Run) (orphan, bool) {
	if b.rebooted {
		return orphan{}, false
	}
	s, found, err := b.status(id)
	if _, ok := known[id]; ok || found && s.Left == 0 {
		if found {
			b.believe(id, s)
		} else {
			b.log("what %s left behind may live: %v", id, absent(err))
		}
		return orphan{}, false
	}
	return orphan{id, s, func() { b.fact(id, machine.Emptied{RunID: id}) }}, true
}

// bury makes sure that nothing lives of runs whose shim is no more. It looks
// for everything that bears the task's mark; that it cannot hit the runs of the
// present shim is because these are started only when the former ones are
// recorded as over.
func (b *brain) bury(ctx context.Context, gone []orphan) error {
	if len(gone) == 0 {
		return nil
	}
	statuses := make([]shim.Status, 0, len(gone))
	for _, o := range gone {
		statuses = append(statuses, o.status)
	}
	if err := b.release(); err != nil {
		return err
	}
	if err := client.Bury(ctx, b.Dir, b.launch.ID, statuses); err != nil {
		return err
	}
	for _, o := range gone {
		if b.tree == nil || b.isEmpty(o.Process) {
			continue
		}
		if err := b.interNow(ctx, b.tree.Process(o.Process)); err != nil {
			return err
		}
		b.inter(o.Process) // for the next run to have a new leaf
	}
	for _, o := range gone {
		o.after()
	}
	return nil
}

// tidy tells the shim to forget the runs whose end is recorded, and to kill
// what the journal does not know.
func (b *brain) tidy(g client.Greeting) {
	for _, r := range g.Runs {
		if b.pending[r.RunID] {
			continue
		}
		run, known := b.machine.Run(r.RunID)
		switch {
		case known && !run.Live() && run.Left == 0:
			b.forget(r.RunID)
		case !known && r.State == shim.Ended:
			b.forget(r.RunID)
		case !known:
			b.log("%s lives, and the journal knows nothing of it: it is killed", r.RunID)
			b.requests = append(b.requests, request{client.Kill(r.RunID), "kill", r.RunID})
		}
	}
}

// isDue says whether an act that the journal implies is still to be done.
func (b *brain) isDue(act machine.Act) bool {
	switch a := act.(type) {
	case machine.Spawn:
		return !b.isBegun(a.RunID)
	case machine.Stop:
		return b.isSignalDue(a.RunID, a.Signal)
	case machine.Signal:
		return b.isSignalDue(a.RunID, a.Signal)
	}
	return true
}

// isBegun says that the shim was asked to start a run: there is a status. Its
// spec may just be being read, and is not to be written again.
func (b *brain) isBegun(id task.RunID) bool {
	_, found, err := b.status(id)
	return found || err != nil
}

// isSignalDue says whether a signal is still to be sent. One that the status
// shows delivered is not: to many programs the second TERM means "now".
func (b *brain) isSignalDue(id task.RunID, signal task.Signal) bool {
	s, found, err := b.status(id)
	if err != nil {
		b.log("%s may already have got its %s, and gets it now: %v", id, signal, err)
		return true
	}
	return found && !slices.Contains(s.Signals, signal.Number())
}

// pruneAll drops what a death of ours left of old runs.
func (b *brain) pruneAll() {
	for _, p := range b.launch.Task.Processes {
		state, ok := b.machine.Process(p.Name)
		if !ok || state.Runs <= len(state.History) {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(b.Dir.Runs(), p.Name))
		if err != nil {
			b.log("old runs of %s stay on the disk: %v", p.Name, err)
			continue
		}
		for _, e := range entries {
			n, err := strconv.Atoi(e.Name())
			id := task.RunID{Process: p.Name, Run: n}
			if err != nil || n >= state.Runs || b.machine.Keeps(id) {
				continue
			}
			if err := sandbox.Prune(b.Dir, id); err != nil {
				b.log("an old run stays on the disk: %v", err)
			}
		}
	}
}
