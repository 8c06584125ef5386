package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// Keepers are the programs that keep a task: their pids, 0 for none.
type Keepers struct {
	Shim  int
	Brain int
}

// WhoKeeps says which of a task's keepers live. It takes nothing from them.
func WhoKeeps(dir task.Dir) (Keepers, error) {
	resident, err := shim.Holder(dir.ShimLock())
	if err != nil {
		return Keepers{}, fmt.Errorf("see who keeps the task: %w", err)
	}
	brain, err := shim.Holder(dir.Lock())
	if err != nil {
		return Keepers{}, fmt.Errorf("see who keeps the task: %w", err)
	}
	return Keepers{Shim: resident, Brain: brain}, nil
}

// Start starts the shim of a task, which starts the brain, which recovers the
// task or begins it. If another shim was faster, that one keeps the task. The
// error is as MayKeep's if the caller must not.
func Start(dir task.Dir, p Programs) error {
	if err := MayKeep(dir); err != nil {
		return err
	}
	return client.StartShim(dir, p.Shim, p.Brain)
}

// Wake starts the shim of a task unless a shim or a brain lives: a brain
// without a shim starts one itself. Where the task had a scope of systemd's that is
// gone, this process enters a new one first (see EnterScope). Without one the task
// can still be shown, and killed: noScope says why there is none. Of several
// tasks that one process wakes, each gets a scope of its own.
func Wake(ctx context.Context, dir task.Dir, p Programs) (started bool, noScope, err error) {
	k, err := WhoKeeps(dir)
	if err != nil {
		return false, nil, err
	}
	if k.Shim != 0 || k.Brain != 0 {
		return false, nil, nil
	}
	if err := MayKeep(dir); err != nil {
		return false, nil, err
	}
	waking.Lock()
	defer waking.Unlock()
	noScope = reenterScope(ctx, dir)
	if err := Start(dir, p); err != nil {
		return false, noScope, err
	}
	return true, noScope, nil
}

// AwaitKeeper is the pid of who keeps the task. If nobody does, because a
// shim was just started, it waits for a second: 0 says that nobody came.
func AwaitKeeper(ctx context.Context, dir task.Dir) (pid int, err error) {
	err = awaitKeepers(ctx, dir, func(k Keepers) bool {
		if pid = k.Shim; pid == 0 {
			pid = k.Brain
		}
		return pid != 0
	})
	return pid, err
}

// AwaitTaken waits, for a second, until somebody keeps a task that was just
// started. It may be over already: then its journal is there.
func AwaitTaken(ctx context.Context, dir task.Dir) (taken bool, err error) {
	err = awaitKeepers(ctx, dir, func(k Keepers) bool {
		_, noJournal := os.Lstat(dir.Journal())
		taken = k != Keepers{} || noJournal == nil
		return taken
	})
	return taken, err
}

// awaitKeepers waits until enough says so of the keepers, or a second has
// passed.
func awaitKeepers(ctx context.Context, dir task.Dir, enough func(Keepers) bool) (err error) {
	w, err := watchDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	retry := firstRetry
	for begun := time.Now(); ; {
		k, err := WhoKeeps(dir)
		if err != nil || enough(k) || time.Since(begun) > lockTime {
			return err
		}
		if err := w.wait(ctx, retry); err != nil {
			return err
		}
		retry = min(2*retry, lastRetry)
	}
}

// retries bound how long after an event a socket is tried again: a name may
// appear a moment before somebody listens behind it.
//
// lockTime is how long a shim that was started may need to take its lock.
const (
	lockTime   = time.Second
	firstRetry = 5 * time.Millisecond
	lastRetry  = 640 * time.Millisecond
)

// Ask makes a request of a task's brain. If none answers it waits for one,
// until ctx ends, and calls wake whenever nobody keeps the task (which may be
// because it has just finished: wake's error ends the waiting). The error is
// wake's, or as control.Do's; it wraps control.ErrNoBrain if none answered.
func Ask(ctx context.Context, dir task.Dir, path string, request any, wake func() error) error {
	w, err := watchDir(dir)
	if err != nil {
		return err
	}
	err = ask(ctx, w, dir, path, request, wake)
	return errors.Join(err, w.Close())
}

func ask(ctx context.Context, w *watch, dir task.Dir, path string, request any, wake func() error) error {
	retry := firstRetry
	var woken time.Time
	for {
		err := control.Do(ctx, dir, path, request, nil)
		if err != nil && tooLate(ctx, err) {
			return control.ErrNoBrain
		}
		if !errors.Is(err, control.ErrNoBrain) && !leaving(err) {
			return err
		}
		k, err := WhoKeeps(dir)
		if err != nil {
			return err
		}
		if k.Shim == 0 && k.Brain == 0 && time.Since(woken) > lockTime {
			if err := wake(); err != nil {
				return err
			}
			woken = time.Now()
		}
		if err := w.wait(ctx, retry); err != nil {
			if ctx.Err() != nil {
				return control.ErrNoBrain
			}
			return err
		}
		retry = min(2*retry, lastRetry)
	}
}

// tooLate says of an error that time ran out, which a socket may notice before
// ctx does.
func tooLate(ctx context.Context, err error) bool {
	return !refused(err) &&
		(ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded))
}

// leaving says of an answer that it came from a brain that is just ending:
// another follows, or the task has finished.
func leaving(err error) bool {
	var refused *control.Refused
	return errors.As(err, &refused) && refused.Code == 503
}
