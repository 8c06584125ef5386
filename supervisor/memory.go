package supervisor

import (
	"syscall"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// countOOM is what the kernel has counted so far in the groups of a process:
// victims in its leaf, OOMs at the leaf's limit, OOMs at the task's. It is nil
// where the kernel does not count. It is kept in the spec of each run, so that
// a brain that comes later can tell what the run has added.
func (b *brain) countOOM(process string) []int {
	leaf, err := b.tree.Process(process).OOM()
	if err != nil || leaf.Kills < 0 {
		return nil
	}
	whole, err := b.tree.Task().OOM()
	if err != nil {
		return nil
	}
	return []int{int(leaf.Kills), int(leaf.Hits), int(whole.Hits)}
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

// outOfMemory says whether the kernel has killed something of a run that has
// just ended, and at whose limit; nil if it has not.
func (b *brain) outOfMemory(id task.RunID) *machine.OOM {
	is := b.countOOM(id.Process)
	if is == nil {
		return nil
	}
	spec, err := client.ReadSpec(b.Dir, id)
	was := spec.Counts
	if err != nil || len(was) != len(is) {
		b.log("whether %s ran out of memory is not known: %v", id, err)
		return nil
	}
	if is[0] <= was[0] {
		if b.starved[id] {
			return &machine.OOM{Limit: machine.LevelTask}
		}
		return nil
	}
	oom := &machine.OOM{Limit: machine.LevelMachine, Kills: is[0] - was[0]}
	leaf, err1 := b.tree.Process(id.Process).OOM()
	whole, err2 := b.tree.Task().OOM()
	switch {
	case err1 == nil && leaf.Limit > 0 && is[1] > was[1]:
		oom.Limit, oom.Bytes = machine.LevelProcess, leaf.Limit
	case err2 == nil && whole.Limit > 0 && is[2] > was[2]:
		oom.Limit, oom.Bytes = machine.LevelTask, whole.Limit
	}
	oom.Peak = max(0, leaf.Peak)
	return oom
}

// blameMemory notes in a run's end what want of memory has to do with it, and
// sees to it that others share it where they are to.
func (b *brain) blameMemory(e *machine.Exit) {
	oom := b.outOfMemory(e.RunID)
	if oom == nil || oom.Kills == 0 && e.Signal != int(syscall.SIGKILL) { // it was faster than our kill
		return
	}
	e.OOM = oom
	b.starve(e.RunID)
}

// watchMemory gets ready to hear of OOM kills where all of the task are to die
// with a victim. The kernel sees to that only on v2, and there only where it is
// the task's limit that was hit. Each process' leaf is watched: the bell of a
// group does not ring for those below it (v1).
func (b *brain) watchMemory() error {
	t := &b.launch.Task
	if b.memory != nil || t.OOM != task.OOMGroup && t.OOM != task.OOMTask {
		return nil
	}
	w, err := cgroup.Watch(b.until)
	b.memory = w
	return err
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

// hearMemory kills all of the task if one of it has become a victim. The bell
// rings before the kernel has chosen one: the end of the victim, if it is a
// run's main process, is heard too.
func (b *brain) hearMemory() {
	if b.memory == nil {
		return
	}
	for _, id := range b.machine.Live() {
		if !b.starved[id] && b.outOfMemory(id) != nil {
			b.starve(id)
			return
		}
	}
}

// starve kills all of a task of which a run has become a victim.
func (b *brain) starve(id task.RunID) {
	if b.memory == nil || b.starved[id] {
		return
	}
	b.log("%s is out of memory, and nothing of the task is to outlive that", id)
	b.starved = make(map[task.RunID]bool)
	for _, live := range b.machine.Live() {
		b.starved[live] = true
	}
	if err := b.tree.Task().Signal(syscall.SIGKILL); err != nil {
		b.log("%v", err)
	}
}
