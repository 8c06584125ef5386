package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"golang.org/x/sys/unix"
)

// Quarantined is the name under which a journal that could not be used is kept.
const Quarantined = "journal.quarantined"

// finish replaces the journal by one that says how the task ended, and lets the
// shim go. Nothing of the task lives. At no moment is there no journal: an
// empty directory would look like a task that is to be started.
func (w *ward) finish(ctx context.Context) error {
	next := w.lastJournal()
	if err := w.write(next); err != nil {
		return err
	}
	aside := filepath.Join(string(w.Dir), Quarantined)
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("set the journal aside: %w", err)
	}
	if err := w.replace(next, aside); err != nil {
		return fmt.Errorf("set the journal aside: %w", err)
	}
	w.letGo(ctx)
	return w.tell("end", w.shim.End)
}

// settleNames gives the journal that was set aside its name, should a brain
// before this one not have come to it.
func (b *brain) settleNames() {
	aside := filepath.Join(string(b.Dir), Quarantined)
	if err := os.Rename(b.lastJournal(), aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.log("the journal that could not be used is not under its right name: %v", err)
	}
}

// lastJournal is where the new journal is made, and the old one may be for a
// moment.
func (b *brain) lastJournal() string { return b.Dir.Journal() + ".ended" }

// replace puts a journal in the place of what was there, which gets the name
// aside, whatever it is.
func (w *ward) replace(next, aside string) error {
	linked := os.Link(w.Dir.Journal(), aside)
	w.point("before replacing the journal")
	defer w.point("after replacing the journal")
	if linked == nil || errors.Is(linked, fs.ErrNotExist) {
		return os.Rename(next, w.Dir.Journal())
	}
	// A directory can have no second name.
	if err := unix.Renameat2(unix.AT_FDCWD, next, unix.AT_FDCWD, w.Dir.Journal(), unix.RENAME_EXCHANGE); err != nil {
		return errors.Join(linked, err)
	}
	w.point("between the journals")
	return os.Rename(next, aside)
}

// isOver says that a journal has a task's end, whatever the task was.
func isOver(path string) bool {
	r, err := journal.NewReader(path)
	if err != nil {
		return false
	}
	defer r.Close()
	for {
		payload, err := r.Next()
		if err != nil {
			return false
		}
		if e, err := machine.Decode(payload); err != nil {
			return false
		} else if _, finished := e.Record.(machine.Finished); finished {
			return true
		}
	}
}

// write makes the journal of a killed task of which nothing else is known.
func (w *ward) write(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("write the last journal: %w", err)
	}
	j, err := journal.Open(path, journal.Options{Sync: true}, nil)
	if err != nil {
		return err
	}
	var payloads [][]byte
	at := now()
	for i, r := range w.obituary() {
		payloads = append(payloads, machine.Encode(uint64(i)+1, at, r))
	}
	return errors.Join(j.Append(journal.Reserve, payloads...), j.Release(), j.Close())
}

// obituary are the records of a task that did nothing but be killed.
func (w *ward) obituary() []machine.Record {
	reason := fmt.Sprintf("killed in quarantine: %v", w.why)
	if w.kill.Reason != "" {
		reason = fmt.Sprintf("%s (%s)", reason, w.kill.Reason)
	}
	result := machine.Killed
	if w.kill.Lose {
		result = machine.Lost
	}
	return []machine.Record{
		machine.Created{ID: w.taskID(), Name: w.launch.Task.Name, Format: 1},
		machine.TakenUp{Pid: os.Getpid(), Version: w.Version, BootID: w.boot},
		w.kill,
		machine.Cleaning{Result: result, Reason: reason, By: now().Boot},
		machine.Clearing{},
		machine.Cleared{},
		machine.Finished{State: result, Reason: reason},
	}
}

// everyRun lists the runs of a task from its directory alone.
func everyRun(dir task.Dir) []task.RunID {
	var ids []task.RunID
	processes, err := os.ReadDir(dir.Runs())
	if err != nil {
		return nil
	}
	for _, p := range processes {
		runs, err := os.ReadDir(filepath.Join(dir.Runs(), p.Name()))
		if err != nil {
			continue
		}
		for _, r := range runs {
			if n, err := strconv.Atoi(r.Name()); err == nil {
				ids = append(ids, task.RunID{Process: p.Name(), Run: n})
			}
		}
	}
	return ids
}
