package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// takeLock takes the task's lock, waiting for another brain that is just ending.
func takeLock(ctx context.Context, dir task.Dir) (*shim.LockFile, error) {
	var lock *shim.LockFile
	err := insist(ctx, func() (bool, error) {
		l, err := shim.Lock(dir.Lock())
		if errors.As(err, new(*shim.HeldError)) {
			return false, err
		}
		lock = l
		return true, err
	})
	switch {
	case errors.As(err, new(*shim.HeldError)):
		return nil, fmt.Errorf("%w: %w", ErrHeld, err)
	case errors.Is(err, syscall.ENOENT):
		return nil, fmt.Errorf("%w: %w", ErrMisuse, err)
	}
	return lock, err
}

// connect connects to the task's shim; found is false if none lives. A shim
// that holds its lock but does not listen is beginning or ending.
func (b *brain) connect(ctx context.Context) (g client.Greeting, found bool, err error) {
	if b.shim != nil {
		if err := b.shim.Close(); err != nil {
			b.log("%v", err)
		}
		b.shim = nil
	}
	err = insist(ctx, func() (bool, error) {
		b.shim, g, err = client.Dial(b.Dir)
		if err == nil {
			found = true
			return true, nil
		}
		pid, holderErr := shim.Holder(b.Dir.ShimLock())
		if holderErr == nil && pid == 0 {
			return true, nil
		}
		return false, errors.Join(err, holderErr)
	})
	return g, found, err
}

// insist tries again until done or until Patience is at its end. There is
// nothing to wait on for what it waits for: a lock's end is told to nobody.
func insist(ctx context.Context, try func() (done bool, err error)) error {
	const pause = 5 * time.Millisecond
	end := time.Now().Add(Patience)
	for {
		done, err := try()
		if done || err != nil && time.Now().After(end) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// newShim buries what a dead shim has left and starts another, whose brain goes
// on with recovery; to it, our runs are lost. A finished task needs none. We
// stay until that shim keeps a brain: should it die before, nobody else would
// drive the task.
func (b *brain) newShim(ctx context.Context) error {
	if b.journal != nil && over(b.machine.Phase()) {
		return nil
	}
	if err := b.release(); err != nil {
		return err
	}
	if err := b.interAll(ctx); err != nil { // first: it names who does not die
		return err
	}
	if err := client.Bury(ctx, b.Dir, b.taskID(), b.unburied()); err != nil {
		return err
	}
	const most = 5
	for n := 1; ; n++ {
		b.log("no shim lives: what it left is buried, another one is started")
		b.point("before starting a shim")
		err := client.StartShim(b.Dir, b.ShimBinary, b.BrainBinary)
		b.point("after starting a shim")
		if err != nil {
			return err
		}
		kept, err := b.handOver(ctx)
		switch {
		case kept || ctx.Err() != nil:
			return err
		case n == most:
			return fmt.Errorf("start a shim %d times: %w", n, cmp.Or(err, errNoBrainYet))
		}
	}
}

// handOver waits until the shim that was just started keeps a brain; false if
// it has died before.
func (b *brain) handOver(ctx context.Context) (kept bool, err error) {
	seen := false
	err = insist(ctx, func() (bool, error) {
		conn, g, err := client.Dial(b.Dir)
		if err == nil {
			seen, kept = true, g.BrainPid != 0
			if err := conn.Close(); err != nil {
				return kept, err
			}
			return kept, errNoBrainYet
		}
		pid, holderErr := shim.Holder(b.Dir.ShimLock())
		if seen && holderErr == nil && pid == 0 {
			return true, nil
		}
		seen = seen || pid != 0
		return false, errors.Join(err, holderErr)
	})
	if kept {
		return true, nil
	}
	return false, err
}

// errNoBrainYet says that the new shim has not started its brain.
var errNoBrainYet = errors.New("the shim that was started keeps no brain")

// unburied are the statuses of all runs of which something may live: those that
// the machine names, or in quarantine all that there are.
func (b *brain) unburied() []shim.Status {
	ids := everyRun(b.Dir)
	if b.journal != nil {
		ids = append(b.machine.Live(), b.machine.Strays()...)
	}
	var statuses []shim.Status
	for _, id := range ids {
		if s, found, err := b.status(id); err != nil {
			b.log("what lives of %s is known by its environment alone: %v", id, err)
		} else if found {
			statuses = append(statuses, s)
		}
	}
	return statuses
}

// taskID is the task's, which its directory is named after should nothing else
// say it.
func (b *brain) taskID() string {
	if b.launch.ID != "" {
		return b.launch.ID
	}
	return filepath.Base(string(b.Dir))
}
