package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// Run drives one task until it is finished, ctx is done, or something fails. It
// returns when everything that it started has returned; the runs and their shim
// go on. It is nil also when no shim lived: then a new one has been started,
// whose brain goes on. The error is, or wraps, ErrHeld or ErrMisuse where it is
// one of these.
func Run(ctx context.Context, c Config) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	if err := checkOwner(c.Dir); err != nil {
		return err
	}
	lock, err := takeLock(ctx, c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()

	b, err := newBrain(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()

	drive := b.drive
	if why := b.open(); why != nil {
		if !errors.As(why, new(*unusable)) {
			return why
		}
		drive = (&ward{brain: b, why: why}).drive
	}
	return b.attend(ctx, drive)
}

// attend drives the task through its shim. Should the connection end while the
// shim lives, it is made again.
func (b *brain) attend(ctx context.Context, drive func(context.Context, client.Greeting) error) error {
	for {
		g, found, err := b.connect(ctx)
		if err != nil {
			return err
		}
		if !found {
			return b.newShim(ctx)
		}
		if err := drive(ctx, g); !errors.Is(err, errShimGone) {
			return err
		}
	}
}

func newBrain(c Config) (*brain, error) {
	b := &brain{
		Config:    c,
		users:     make(map[string]sandbox.User),
		pending:   make(map[task.RunID]bool),
		unspawned: make(map[task.RunID]bool),
		inquiries: newInquiries(),
		retry:     time.NewTimer(time.Hour),
		farewells: newFarewells(),
	}
	b.retry.Stop()
	var err error
	if b.boot, err = shim.BootID(); err != nil {
		return nil, err
	}
	if err := b.openGroups(); err != nil {
		return nil, err
	}
	b.alarm, err = newAlarm()
	return b, err
}

// close lets go of everything that the brain has opened, and waits for it.
func (b *brain) close() error {
	var errs []error
	if b.door != nil {
		errs = append(errs, b.door.close(b.Dir))
	}
	if b.shim != nil {
		errs = append(errs, b.shim.Close())
	}
	if b.journal != nil {
		errs = append(errs, b.journal.Close())
	}
	b.retry.Stop()
	b.leave()
	b.closeChecks()
	b.closeFarewells()
	return errors.Join(append(errs, b.closeCommands(), b.closeGroups(), b.alarm.close())...)
}

func (b *brain) log(format string, args ...any) {
	if b.Log == nil {
		return
	}
	line := time.Now().UTC().Format(time.RFC3339) + " " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ") + "\n"
	if _, err := b.Log.Write([]byte(line)); err != nil {
		b.Log = nil // a full disk, most likely; the journal holds what matters
	}
}
