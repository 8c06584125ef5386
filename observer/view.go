package observer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// View is all that its directory says about a task at one moment.
type View struct {
	ID     string // the directory's name
	Dir    task.Dir
	Launch *task.Launch  // nil if task.json cannot be used: then see Quarantine
	State  machine.State // folded as far as it goes; State.State is empty if the journal has no record yet

	Shim  int // pid of the shim; 0 if none lives
	Brain int // pid of the brain that drives the task; 0 if none does

	Failing  *Failing // why no brain works; nil if nothing is known to be wrong
	Wish     *Wish    // a standing wish to end the task; nil if there is none
	Rebooted bool     // the machine was, since a brain last took up the task

	Groups *sandbox.Groups    // where its kernel groups are, or why there are none; nil if that is not yet known
	Disk   *sandbox.DiskUsage // what its sandbox held when that was last counted; nil if it was not

	// Quarantine is why nothing can be decided about a task that has not ended,
	// but that it be killed. A damaged journal is a *journal.Damaged; ErrNotTask
	// is one that nobody can end, and that has nothing to be ended.
	Quarantine error
	// Problems are sentences about all else that cannot be read or used.
	Problems []error
	// Torn is how many bytes at the journal's end are no record: a brain will
	// cut them off. It is 0 while one drives the task.
	Torn int64

	machine *machine.Machine
	unsure  bool // some lock could not be asked for
}

// ErrNotTask says of a directory that no task was launched there, and that
// nobody keeps it.
var ErrNotTask = errors.New("not a task: no task.json")

// Read reads the task in dir. The error is fs.ErrNotExist (errors.Is) if there
// is no such directory, also if it goes while it is being read; what is wrong
// inside is in the View.
func Read(dir task.Dir) (*View, error) { return read(dir, true) }

// ReadHeld is Read for a process that holds the task's locks itself: it does
// not ask who does, and Shim and Brain are 0.
func ReadHeld(dir task.Dir) (*View, error) { return read(dir, false) }

func read(dir task.Dir, ask bool) (*View, error) {
	if err := exists(dir); err != nil {
		return nil, err
	}
	k := keepers{}
	if ask {
		k = askKeepers(dir)
	}
	f := newFold(dir)
	defer f.close()
	if _, err := f.read(); err != nil {
		f.trouble = err
	}
	v := f.view(k)
	// What was missing may have been missing because everything is.
	if err := exists(dir); err != nil {
		return nil, err
	}
	return v, nil
}

func exists(dir task.Dir) error {
	info, err := os.Stat(string(dir))
	if err != nil {
		return fmt.Errorf("read task %s: %w", filepath.Base(string(dir)), err)
	}
	if !info.IsDir() {
		return fmt.Errorf("read task %s: %s is not a directory", filepath.Base(string(dir)), dir)
	}
	return nil
}

// Over says that the task has come to its terminal state.
func (v *View) Over() bool { return over(v.State.State) }

func over(s machine.TaskState) bool {
	switch s {
	case machine.Success, machine.Failed, machine.Killed, machine.Lost:
		return true
	}
	return false
}

// Orphaned says that the task has not ended and that nobody keeps it: neither
// its shim nor its brain lives.
func (v *View) Orphaned() bool {
	return !v.Over() && v.unkept() && !errors.Is(v.Quarantine, ErrNotTask)
}

func (v *View) unkept() bool { return v.Shim == 0 && v.Brain == 0 && !v.unsure }

// Why is the chain of causes of a process' state, or with "" of the task's:
// see machine.Why. Of a View that Follow has given it must be asked before the
// callback returns.
func (v *View) Why(now machine.Instant, process string) []string {
	if v.Rebooted {
		now = machine.Instant{} // nothing counts on from one boot to the next
	}
	return v.machine.Why(now, process)
}

// Now is the present moment.
func Now() machine.Instant {
	return machine.Instant{Boot: shim.BootTime(), Wall: shim.WallTime()}
}

// RunStatus is what the shim wrote about a run.
type RunStatus struct {
	task.RunID
	Status shim.Status
	Err    error // why Status is not known; fs.ErrNotExist if the shim was never asked for the run
}

// Statuses reads what the shim wrote about the runs that have not ended by the
// journal. It may know more: an end that no brain has heard of.
func (v *View) Statuses() []RunStatus {
	var all []RunStatus
	for i := range v.State.Processes {
		p := &v.State.Processes[i]
		if last := p.Last(); last != nil && last.Live() {
			r := RunStatus{RunID: task.RunID{Process: p.Name, Run: last.Run}}
			r.Status, r.Err = client.ReadStatus(v.Dir, r.RunID)
			all = append(all, r)
		}
	}
	return all
}

// Brainless says that no brain works, and what becomes of the task meanwhile.
// It is empty if nothing is known to be wrong.
func (v *View) Brainless() string {
	switch {
	case v.Failing == nil || v.Over():
		return ""
	case v.Shim == 0:
		return v.Failing.String()
	}
	return v.Failing.String() + "; the processes go on"
}

// Condition says in one line how the task is and, if something is amiss, what
// to do about it.
func (v *View) Condition() string {
	s := &v.State
	switch {
	case v.Over():
		return join(string(s.State), s.Reason)
	case errors.Is(v.Quarantine, ErrNotTask):
		return v.Quarantine.Error()
	case v.Quarantine != nil:
		return fmt.Sprintf("in quarantine: %v; nothing but a kill is possible: dewar kill %s", v.Quarantine, v.ID)
	case v.Orphaned() && v.Rebooted:
		return fmt.Sprintf("%s, but the machine was rebooted and nobody drives this task: dewar resume %s", v.stage(), v.ID)
	case v.Orphaned():
		return fmt.Sprintf("%s, but nobody drives this task: dewar resume %s", v.stage(), v.ID)
	case v.Failing != nil:
		return fmt.Sprintf("%s, but %s", v.stage(), v.Brainless())
	case v.Brain == 0 && !v.unsure:
		return v.stage() + "; its brain is being started"
	case v.Shim == 0 && !v.unsure:
		return v.stage() + "; its shim has died, and its brain is about to replace it"
	}
	return join(v.stage(), s.Reason)
}

func (v *View) stage() string {
	s := &v.State
	switch {
	case s.State == "":
		return "not begun"
	case s.State == machine.Active && s.Kill != nil:
		return "ACTIVE, to be killed"
	case v.Wish != nil:
		return string(s.State) + ", to be ended"
	}
	return string(s.State)
}

func join(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// problem notes what cannot be read. What is not there is no problem.
func (v *View) problem(err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.Problems = append(v.Problems, err)
	}
}
