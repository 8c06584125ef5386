package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// unusable says that a file without which nothing can be decided cannot be
// used. It calls for quarantine.
type unusable struct {
	what string // task.json or journal
	err  error
}

func (u *unusable) Error() string { return u.err.Error() }
func (u *unusable) Unwrap() error { return u.err }

// ward is a task in quarantine: its processes live on, nothing of it is
// decided, and all that can be done is to say so and to kill it. The kill works
// by the shim alone; when nothing lives any more, the journal is set aside and
// a new one says what has happened.
type ward struct {
	*brain
	why     error
	kill    machine.KillAsked
	killing bool
}

// Quarantined is the name under which a journal that could not be used is kept.
const Quarantined = "journal.quarantined"

func (w *ward) drive(ctx context.Context, g client.Greeting) error {
	if isOver(w.Dir.Journal()) { // a brain before this one came so far
		return w.tell("end", w.shim.End)
	}
	w.log("the task is in quarantine, only a kill is possible: %v", w.why)
	if err := w.heed(); err != nil {
		return err
	}
	for {
		if err := w.greet(ctx); err != nil {
			return err
		}
		select {
		case bell, ok := <-w.shim.Bells():
			if !ok {
				return fmt.Errorf("%w: %w", errShimGone, w.shim.Err())
			}
			if bell.Kind == shim.BellCleared && w.killing {
				return w.finish()
			}
			if err := w.hear(bell); err != nil {
				return err
			}
		case a := <-w.door.asks:
			if err := w.answer(a); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *ward) hear(bell client.Bell) error {
	switch bell.Kind {
	case shim.BellShutdown:
		return w.heed()
	case shim.BellList:
		if w.killing { // its bell may be among those that were lost
			return w.clear()
		}
	}
	return nil
}

// heed looks for the standing wish to end the task.
func (w *ward) heed() error {
	wish, found, err := readShutdown(w.Dir)
	if err != nil {
		w.log("the wish to end the task is read as one without a word: %v", err)
	}
	if !found {
		return nil
	}
	w.kill = wish
	return w.clear()
}

func (w *ward) clear() error {
	w.killing = true
	return w.tell("clear", w.shim.Clear)
}

func (w *ward) answer(a ask) error {
	switch r := a.request.(type) {
	case control.Status:
		a.answer <- answer{value: control.Status{Pid: os.Getpid(), Version: w.Version, Quarantine: w.why.Error()}}
		return nil
	case control.Kill:
		w.kill = machine.KillAsked{Lose: r.Lose, By: a.by, Reason: r.Reason}
		if err := w.stand(); err != nil {
			w.log("a brain after this one will not know of the kill: %v", err)
		}
		a.answer <- answer{}
		return w.clear()
	}
	a.answer <- answer{refused: http.StatusConflict, why: fmt.Errorf("the task is in quarantine, only a kill is possible: %w", w.why)}
	return nil
}

// stand makes the kill a standing wish, for the next brain should this one die.
func (w *ward) stand() error {
	content := shim.AppendField(nil, "grace", "0")
	content = shim.AppendField(content, "by", w.kill.By)
	content = shim.AppendField(content, "reason", w.kill.Reason)
	if w.kill.Lose {
		content = shim.AppendField(content, "lose", "1")
	}
	next := w.Dir.Shutdown() + ".new"
	if err := os.WriteFile(next, content, 0o640); err != nil {
		return fmt.Errorf("write the file shutdown: %w", err)
	}
	if err := os.Rename(next, w.Dir.Shutdown()); err != nil {
		return fmt.Errorf("write the file shutdown: %w", err)
	}
	return nil
}

// finish replaces the journal by one that says how the task ended, and lets the
// shim go. Nothing of the task lives. At no moment is there no journal: an
// empty directory would look like a task that is to be started.
func (w *ward) finish() error {
	next := w.Dir.Journal() + ".ended"
	if err := w.write(next); err != nil {
		return err
	}
	aside := filepath.Join(string(w.Dir), Quarantined)
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set the journal aside: %w", err)
	}
	if err := os.Link(w.Dir.Journal(), aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set the journal aside: %w", err)
	}
	w.point("before replacing the journal")
	if err := os.Rename(next, w.Dir.Journal()); err != nil {
		return fmt.Errorf("set the journal aside: %w", err)
	}
	w.point("after replacing the journal")
	return w.tell("end", w.shim.End)
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
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
		machine.KillAsked{Lose: w.kill.Lose, By: w.kill.By, Reason: w.kill.Reason},
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
