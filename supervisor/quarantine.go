package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
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

func (w *ward) drive(ctx context.Context, g client.Greeting) error {
	if isOver(w.Dir.Journal()) { // a brain before this one came so far
		w.settleNames()
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
