package supervisor

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// tally is what the kernel has counted in the groups of a process.
type tally struct{ leaf, whole cgroup.OOMCounts }

// takeTally reads the counts. The error is errors.ErrUnsupported where the
// kernel does not count.
func takeTally(tree *cgroup.Tree, process string) (t tally, err error) {
	if t.leaf, err = tree.Process(process).OOM(); err != nil {
		return t, err
	}
	if t.leaf.Kills < 0 {
		return t, errors.ErrUnsupported
	}
	t.whole, err = tree.Task().OOM()
	return t, err
}

// tallies are those of some processes, where the kernel counts.
func tallies(tree *cgroup.Tree, processes []string) map[string]tally {
	all := make(map[string]tally)
	for _, name := range processes {
		if t, err := takeTally(tree, name); err == nil {
			all[name] = t
		}
	}
	return all
}

// counts are, in this order, the victims in the leaf, the OOMs at the leaf's
// limit, and those at the task's.
func (t *tally) counts() []int { return []int{int(t.leaf.Kills), int(t.leaf.Hits), int(t.whole.Hits)} }

// tally is that of a process, or the last one of a leaf that is being removed:
// the ends of its runs may still be to come.
func (b *brain) tally(process string) (tally, bool) {
	t, err := takeTally(b.tree, process)
	if err == nil {
		return t, true
	}
	t, buried := b.tallies[process]
	return t, buried
}

// countOOM is what the kernel has counted so far in the groups of a process. It
// is nil where the kernel does not count. It is kept in the spec of each run, so
// that a brain that comes later can tell what the run has added.
func (b *brain) countOOM(process string) []int {
	t, err := takeTally(b.tree, process)
	if err != nil {
		return nil
	}
	return t.counts()
}

// countBefore is countOOM for a run that is about to start. In a new leaf there
// is nothing to count, and without a limit of the task's nobody asks for that.
func (b *brain) countBefore(process string) []int {
	fresh := b.fresh[process]
	b.fresh[process] = false
	if fresh && b.machine.Limits("").RAM == 0 {
		return []int{0, 0, 0}
	}
	return b.countOOM(process)
}

// mayStarve says that the end of a run may be about memory: something of it
// was killed, or there is a limit that may have been hit.
func (b *brain) mayStarve(id task.RunID, s *shim.Status) bool {
	const kill, killed = 9, 128 + 9 // as a shell tells of its child's end
	return b.tree != nil && (s.Signal == kill || s.Exit == killed || b.machine.Limits("").RAM > 0 || b.machine.Limits(id.Process).RAM > 0)
}

// outOfMemory says whether the kernel has killed something of a run since it
// began, and at whose limit; nil if it has not.
func (b *brain) outOfMemory(id task.RunID) *machine.OOM {
	t, ok := b.tally(id.Process)
	if !ok {
		return b.starved[id]
	}
	spec, err := client.ReadSpec(b.Dir, id)
	was, is := spec.Counts, t.counts()
	if err != nil || len(was) != len(is) {
		b.log("whether %s ran out of memory is not known: %v", id, err)
		return b.starved[id]
	}
	if is[0] <= was[0] {
		return b.starved[id]
	}
	oom := &machine.OOM{Limit: machine.LevelMachine, Kills: is[0] - was[0], Peak: max(0, t.leaf.Peak)}
	switch {
	case t.leaf.Limit > 0 && is[1] > was[1]:
		oom.Limit, oom.Bytes = machine.LevelProcess, t.leaf.Limit
	case t.whole.Limit > 0 && is[2] > was[2]:
		oom.Limit, oom.Bytes = machine.LevelTask, t.whole.Limit
	}
	return oom
}

// blameMemory notes what want of memory has to do with a run's end, and sees to
// it that others share it where they are to. What it has nothing to do with is
// noted as something that befell the run before.
func (b *brain) blameMemory(e *machine.Exit) {
	oom := b.outOfMemory(e.RunID)
	switch {
	case oom == nil:
	case oom.Kills == 0 && e.Signal != killNumber: // it was faster than our kill
	case b.isCause(oom, e):
		e.OOM = oom
		b.starve(e.RunID)
	default:
		b.thinned(e.RunID, oom)
	}
}

// isCause says that an end is that of a victim, of a shell that tells of one, or
// of a run that could not begin, unless whoever was killed is known to have been
// outlived, for a while. Where all are to die with a victim, any end is.
func (b *brain) isCause(oom *machine.OOM, e *machine.Exit) bool {
	const aWhile, toldByShell = int64(time.Second), 128 + killNumber
	if b.sharesOOM() || oom.Kills == 0 {
		return true
	}
	if e.Error == "" && e.Signal != killNumber && (e.Exit == nil || *e.Exit != toldByShell) {
		return false
	}
	run, _ := b.machine.Run(e.RunID)
	if run.Thinned == nil || oom.Kills > run.Thinned.Kills {
		return true
	}
	return e.At.Boot-run.Thinned.At.Boot < aWhile && !slices.Contains(e.Signals, killNumber)
}

const killNumber = int(syscall.SIGKILL)

// thinned notes that of a run somebody was killed, unless that is known.
func (b *brain) thinned(id task.RunID, oom *machine.OOM) {
	if run, known := b.machine.Run(id); known && run.Live() && (run.Thinned == nil || oom.Kills > run.Thinned.Kills) {
		b.fact(id, machine.Thinned{RunID: id, OOM: *oom})
	}
}

// sharesOOM says that all of the task are to die with a victim. The kernel sees
// to that only on v2, and there only where it is the task's limit that was hit.
func (b *brain) sharesOOM() bool {
	return b.launch.Task.OOM == task.OOMGroup || b.launch.Task.OOM == task.OOMTask
}

// watchMemory gets ready to hear of OOM kills. Each process' leaf is watched:
// the bell of a group does not ring for those below it (v1).
func (b *brain) watchMemory() error {
	if b.memory != nil {
		return nil
	}
	w, err := cgroup.Watch(b.until)
	b.memory = w
	return err
}

// watchLeaf begins to listen to a process' leaf. Where nobody is to die with a
// victim, not to hear of one keeps nothing from running.
func (b *brain) watchLeaf(process string) error {
	if b.memory == nil || b.countOOM(process) == nil {
		return nil
	}
	err := b.memory.OOM(b.tree.Process(process))
	if err != nil && !b.sharesOOM() {
		b.log("who of %s runs out of memory is told by its end only: %v", process, err)
		return nil
	}
	return err
}

// unwatch lets go of a leaf that is about to be removed.
func (b *brain) unwatch(process string) {
	if b.memory == nil {
		return
	}
	if err := b.memory.Forget(b.tree.Process(process)); err != nil {
		b.log("%v", err)
	}
}

// memoryBells is nil, which never rings, unless there is something to hear.
func (b *brain) memoryBells() <-chan cgroup.Bell {
	if b.memory == nil {
		return nil
	}
	return b.memory.Bells()
}

// deafMemory notes that nothing more is heard.
func (b *brain) deafMemory() {
	if err := b.memory.Wait(); err != nil {
		b.log("who runs out of memory is told by its end only: %v", err)
	}
	b.memory = nil
}

// moment is after how long a group whose bell has rung is looked at again.
const moment = 250 * time.Millisecond

// heedMemory looks at a group whose bell rings, if others are to die with a
// victim, and in any case after a moment: the bell may ring before the kernel has
// chosen a victim, and then not again (v1); and by then a run has ended whose
// main process it was. Whatever rings meanwhile is meant by that second look: a
// group that lives at its limit rings a hundred times a second (v2).
func (b *brain) heedMemory(g cgroup.Group) {
	if b.rung[g] {
		return
	}
	if len(b.rung) == 0 {
		b.second.Reset(moment)
	}
	b.rung[g] = true
	if b.sharesOOM() {
		b.hearMemory(func(process string) bool { return b.tree.Process(process) == g })
	}
}

// heedAgain is the second look.
func (b *brain) heedAgain() {
	rung := b.rung
	b.rung = make(map[cgroup.Group]bool)
	b.hearMemory(func(process string) bool { return rung[b.tree.Process(process)] })
}

// hearMemory finds the victims among the live runs of some processes. Where all
// are to die with one, it sees to that; else it notes who has lost somebody and
// goes on. The end of a victim that is a run's main process says itself what it
// is.
func (b *brain) hearMemory(of func(process string) bool) {
	if b.memory == nil {
		return
	}
	for _, id := range b.machine.Live() {
		if !of(id.Process) || b.starved[id] != nil {
			continue
		}
		oom := b.outOfMemory(id)
		switch {
		case oom == nil:
		case b.sharesOOM():
			b.starve(id)
			return
		default:
			if run, _ := b.machine.Run(id); !isDoomed(run.Pid) {
				b.thinned(id, oom)
			}
		}
	}
}

// isDoomed says that a process has been killed, or is dead.
func isDoomed(pid int) bool {
	if pid == 0 { // not known yet
		return false
	}
	if s, err := shim.ReadStat(pid); err != nil || s.Dead() || s.Exiting {
		return true
	}
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return true
	}
	_, pending, _ := strings.Cut(string(content), "\nSigPnd:\t")
	pending, _, _ = strings.Cut(pending, "\n")
	set, err := strconv.ParseUint(pending, 16, 64)
	return err == nil && set&(1<<(killNumber-1)) != 0
}

// starve kills all of a task of which a run has become a victim.
func (b *brain) starve(id task.RunID) {
	if !b.sharesOOM() || b.starved[id] != nil {
		return
	}
	b.log("%s is out of memory, and nothing of the task is to outlive that", id)
	b.starved = make(map[task.RunID]*machine.OOM)
	for _, live := range b.machine.Live() {
		b.starved[live] = &machine.OOM{Limit: machine.LevelTask}
	}
	b.inter("")
}
