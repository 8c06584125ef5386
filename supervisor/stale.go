package supervisor

import (
	"os"

	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// findStale finds runs that have a status and are unknown to the journal: it
// has lost its end, as it may when the machine died. Whatever they have left is
// buried before anything is started. When the machine comes to such a run again
// it is not started a second time: its status says how it ended, or it is lost.
func (b *brain) findStale(known map[task.RunID]client.Run) []orphan {
	b.stale = make(map[task.RunID]bool)
	if _, err := os.Stat(b.Dir.Runs()); err != nil {
		return nil // nothing was ever started
	}
	var gone []orphan
	for i := range b.launch.Task.Processes {
		id := task.RunID{Process: b.launch.Task.Processes[i].Name}
		if state, ok := b.machine.Process(id.Process); ok {
			id.Run = state.Runs
		}
		for ; ; id.Run++ {
			if _, err := os.Lstat(b.Dir.Run(id)); err != nil {
				break // of what is no directory every status would be an error
			}
			s, found, err := b.status(id)
			if !found && err == nil {
				break
			}
			b.stale[id] = true
			b.log("%s has a status, and the journal knows nothing of it: it has lost its end", id)
			if _, ok := known[id]; !ok {
				gone = append(gone, orphan{id, s, func() {}})
			}
		}
	}
	return gone
}
