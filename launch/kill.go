package launch

import (
	"context"
	"errors"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
)

// Kill asks for a task's end: the brain, if one answers within patience, else
// by a standing wish (see Shutdown). It does not wait for the end. answered
// says which. wake is as in Ask.
func Kill(ctx context.Context, dir task.Dir, w Wish, patience time.Duration, wake func() error) (answered bool, err error) {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var notWoken error
	grace := task.Duration(w.Grace)
	err = Ask(asking, dir, control.PathKill, control.Kill{Grace: &grace, Reason: w.Reason}, func() error {
		notWoken = wake()
		return notWoken
	})
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil, notWoken != nil, refused(err):
		return false, err
	}
	// There is no brain, or it keeps silent, or it died while it was asked:
	// it is no harm to ask twice.
	if err := Shutdown(dir, w); err != nil {
		return false, err
	}
	k, err := WhoKeeps(dir)
	if err == nil && k.Shim == 0 && k.Brain == 0 {
		err = wake()
	}
	return false, err
}

func refused(err error) bool {
	var no *control.Refused
	return errors.As(err, &no)
}
