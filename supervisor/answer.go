package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// answer answers a control request: what it asks for is recorded when the
// answer goes out, and done after that; other limits and a pause or its end are
// done by then.
func (b *brain) answer(ctx context.Context, a ask) error {
	if _, ok := a.request.(control.Status); ok {
		state := b.machine.State()
		a.answer <- answer{value: control.Status{Pid: os.Getpid(), Version: b.Version, State: &state}}
		return nil
	}
	wish, err := b.wishOf(a)
	if err == nil {
		return b.grant(ctx, a, wish)
	}
	a.answer <- answer{refused: http.StatusBadRequest, why: err}
	return nil
}

func (b *brain) grant(ctx context.Context, a ask, wish machine.Record) error {
	if !b.taken {
		a.answer <- answer{refused: http.StatusInsufficientStorage, why: errors.New("the disk is full, and the task is not yet taken up")}
		return nil
	}
	d, err := b.machine.Ask(wish)
	if err != nil {
		a.answer <- answer{refused: http.StatusConflict, why: err}
		return nil
	}
	undo, err := b.attempt(ctx, d.Record)
	if err != nil {
		a.answer <- answer{refused: http.StatusConflict, why: err}
		return nil
	}
	err = b.record(journal.Reserve, d.Record)
	if err != nil {
		undo()
	}
	switch {
	case errors.Is(err, journal.ErrFull):
		a.answer <- answer{refused: http.StatusInsufficientStorage, why: err}
		b.becomeFull(err)
		return nil
	case err != nil:
		a.answer <- answer{refused: http.StatusInternalServerError, why: err}
		return err
	}
	if d.Act != nil {
		b.queue(d.Act)
	}
	b.watchDisk()
	if _, unpause := d.Record.(machine.UnpauseAsked); unpause { // it goes on when that is said
		if err := b.settleFreezer(ctx); err != nil {
			a.answer <- answer{refused: http.StatusInternalServerError, why: err}
			return err
		}
	}
	a.answer <- answer{}
	return nil
}

// wishOf is the record that a request asks for. What people say in it is made
// fit for a terminal and an environment.
func (b *brain) wishOf(a ask) (machine.Record, error) {
	a.by = line(a.by)
	switch r := a.request.(type) {
	case control.Kill:
		grace := control.DefaultGrace
		if r.Grace != nil {
			grace = *r.Grace
		}
		if grace < 0 {
			return nil, errors.New("a kill's grace cannot be negative")
		}
		return machine.KillAsked{Grace: grace, Lose: r.Lose, By: a.by, Reason: line(r.Reason)}, nil
	case process:
		switch r.verb {
		case "restart":
			return machine.RestartAsked{Process: r.Process.Process, By: a.by}, nil
		case "stop":
			return machine.StopAsked{Process: r.Process.Process, By: a.by}, nil
		case "start":
			return machine.StartAsked{Process: r.Process.Process, By: a.by}, nil
		}
	case control.Resize:
		return machine.ResizeAsked{Process: r.Process, Limits: r.Limits, By: a.by}, nil
	case control.Pause:
		return machine.PauseAsked{By: a.by}, nil
	case control.Unpause:
		return machine.UnpauseAsked{By: a.by}, nil
	case control.Snooze:
		r.Reason = line(r.Reason)
		return b.snooze(r, a.by)
	case control.Unsnooze:
		id, err := b.checkNamed(r.Check)
		return machine.Unsnoozed{Process: id.Process, Check: id.Check, By: a.by}, err
	case control.Signal:
		if r.Signal.Number() == 0 {
			return nil, fmt.Errorf("there is no signal %q", string(r.Signal))
		}
		return machine.SignalAsked{RunID: task.RunID{Process: r.Process}, Signal: r.Signal, By: a.by}, nil
	}
	return nil, fmt.Errorf("there is no request %T", a.request)
}

// line is what somebody has said, as one line of at most 1 KiB without control
// characters.
func line(said string) string {
	const most = 1 << 10
	said = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return utf8.RuneError
		}
		return r
	}, said)
	said = strings.Join(strings.Fields(said), " ")
	if len(said) > most {
		said = strings.ToValidUTF8(said[:most-len("…")], "") + "…"
	}
	return said
}
