package supervisor

import (
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// renew has limitProcess make the leaf of a process anew for a run, if nobody
// lives in it, where an earlier run has left it so that none can be born into it:
// a payload may have the rights to write there, as root's has. It may also have
// killed its leaf, and itself with it (see level); that can only be guessed.
func (b *brain) renew(id task.RunID) error {
	if !b.limited[id.Process] {
		return nil
	}
	leaf := b.tree.Process(id.Process)
	fit, err := leaf.Fit()
	if err != nil || fit && !b.mayHaveKilled(task.RunID{Process: id.Process, Run: id.Run - 1}) {
		return err
	}
	b.unwatch(id.Process)
	delete(b.limited, id.Process)
	return nil
}

// mayHaveKilled says that a run has ended as one that was killed by somebody
// else, or never began.
func (b *brain) mayHaveKilled(id task.RunID) bool {
	run, known := b.machine.Run(id)
	return known && !run.Live() && (run.Signal == killNumber || run.State == machine.RunFailed && run.Exit == nil && run.Signal == 0)
}
