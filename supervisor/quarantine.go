package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"golang.org/x/sys/unix"
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
// by the shim alone: TERM to every run, and when all have ended or the grace is
// over, KILL to whatever lives. When nothing lives any more, the journal is set
// aside and a new one says what has happened.
type ward struct {
	*brain
	why     error
	killing bool
	kill    machine.KillAsked   // the first; later ones only shorten
	end     int64               // boot time at which its grace is over
	living  map[task.RunID]bool // what was told to end, and has not yet
}

func (w *ward) drive(ctx context.Context, g client.Greeting) error {
	w.shimPid = g.ShimPid
	if isOver(w.Dir.Journal()) { // a brain before this one came so far
		w.settleNames()
		w.letGo(ctx)
		return w.tell("end", w.shim.End)
	}
	w.log("the task is in quarantine, only a kill is possible: %v", w.why)
	w.clearing = false
	w.heed()
	if err := w.proceed(); err != nil {
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
			if bell.Kind == shim.BellCleared && w.clearing {
				if err := w.interAll(ctx); err != nil {
					return err
				}
				return w.finish(ctx)
			}
			if err := w.hear(bell); err != nil {
				return err
			}
		case a := <-w.door.asks:
			if err := w.answer(a); err != nil {
				return err
			}
		case <-w.alarm.rang:
			w.alarm.heard()
			if err := w.proceed(); err != nil {
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
		w.heed()
		return w.proceed()
	case shim.BellEnded, shim.BellEmptied:
		return w.ended(bell.RunID)
	case shim.BellList: // others may have been lost, also that all is cleared
		w.clearing = false
		return w.proceed()
	}
	return nil
}

// heed looks for the standing wish to end the task. Its grace counts from when
// it was written, which a brain before this one may have lived to see.
func (w *ward) heed() {
	wish, found, err := readShutdown(w.Dir)
	if err != nil {
		w.log("the wish to end the task is read as one without a word: %v", err)
	}
	if !found {
		return
	}
	var passed time.Duration
	if info, err := os.Lstat(w.Dir.Shutdown()); err == nil {
		passed = max(0, time.Since(info.ModTime()))
	}
	w.take(wish, passed)
}

// take takes in a kill whose grace has begun some time ago; sooner says that it
// changes something.
func (w *ward) take(k machine.KillAsked, passed time.Duration) (sooner bool) {
	const longest = task.Duration(1e18) // 30 years
	end := now().Boot + int64(min(k.Grace, longest)) - int64(passed)
	if w.killing && end >= w.end {
		return false
	}
	if !w.killing {
		w.kill = k
	}
	w.killing, w.end = true, end
	return true
}

// proceed does what the kill calls for now, if one was asked for.
func (w *ward) proceed() error {
	switch {
	case !w.killing || w.clearing:
		return nil
	case w.end <= now().Boot:
		return w.clear()
	}
	if err := w.stopAll(); err != nil {
		return err
	}
	if len(w.living) == 0 {
		return w.clear()
	}
	return w.alarm.set(w.end)
}

// stopAll sends TERM to every run of which something lives, unless it has had
// one. What belongs to no run that the shim knows cannot be told.
func (w *ward) stopAll() error {
	var g client.Greeting
	err := w.tell("list", func() (err error) {
		g, err = w.shim.List()
		return err
	})
	if err != nil {
		return err
	}
	w.living = make(map[task.RunID]bool)
	for _, r := range g.Runs {
		s, _, err := w.status(r.RunID)
		if err != nil {
			w.log("%s may already have got its TERM, and gets it now: %v", r.RunID, err)
		}
		if r.State == shim.Ended && s.Left == 0 {
			continue
		}
		w.living[r.RunID] = true
		if slices.Contains(s.Signals, int(unix.SIGTERM)) {
			continue
		}
		err = w.tell("signal", func() error { return w.shim.Signal(r.RunID, int(unix.SIGTERM), task.StopGroup) })
		if err != nil {
			return err
		}
	}
	return nil
}

// ended notes a run's end. When it was the last, nothing is to be waited for.
func (w *ward) ended(id task.RunID) error {
	if !w.living[id] || w.clearing {
		return nil
	}
	if s, found, _ := w.status(id); found && (s.State != shim.Ended || s.Left > 0) {
		return nil
	}
	delete(w.living, id)
	if len(w.living) > 0 {
		return nil
	}
	return w.clear()
}

func (w *ward) clear() error {
	w.clearing = true
	return w.tell("clear", w.shim.Clear)
}

func (w *ward) answer(a ask) error {
	switch a.request.(type) {
	case control.Status:
		a.answer <- answer{value: control.Status{Pid: os.Getpid(), Version: w.Version, Quarantine: w.why.Error()}}
		return nil
	case control.Kill:
		wish, err := w.wishOf(a)
		if err != nil {
			a.answer <- answer{refused: http.StatusBadRequest, why: err}
			return nil
		}
		if w.take(wish.(machine.KillAsked), 0) {
			if err := w.stand(); err != nil {
				w.log("a brain after this one will not know of the kill: %v", err)
			}
		}
		a.answer <- answer{}
		return w.proceed()
	}
	a.answer <- answer{refused: http.StatusConflict, why: fmt.Errorf("the task is in quarantine, only a kill is possible: %w", w.why)}
	return nil
}

// stand makes the kill a standing wish, for the next brain should this one die.
func (w *ward) stand() error {
	left := max(0, time.Duration(w.end-now().Boot))
	content := shim.AppendField(nil, "grace", strconv.FormatFloat(left.Seconds(), 'f', -1, 64))
	content = shim.AppendField(content, "by", w.kill.By)
	content = shim.AppendField(content, "reason", w.kill.Reason)
	content = shim.AppendInt(content, "wall", time.Now().UnixNano())
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
