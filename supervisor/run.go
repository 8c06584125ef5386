package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// Run drives one task until it is finished, ctx is done, or something fails. It
// returns when everything that it started has returned; the runs and their
// shim go on. It is nil also when no shim lived: then a new one has been
// started, whose brain goes on. The error is, or wraps, ErrHeld or ErrMisuse where
// it is one of these.
func Run(ctx context.Context, c Config) (err error) {
	if err := c.check(); err != nil {
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

// attend drives the task through its shim. Should the connection end while the shim lives,
// it is made again.
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
		retry:     time.NewTimer(time.Hour),
	}
	b.retry.Stop()
	var err error
	if b.boot, err = shim.BootID(); err != nil {
		return nil, err
	}
	b.alarm, err = newAlarm()
	return b, err
}

// open reads task.json and the journal and makes the sandbox. The error is an *unusable if that calls
// for quarantine.
func (b *brain) open() error {
	data, err := os.ReadFile(b.Dir.TaskJSON())
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s is no task's directory: %w", ErrMisuse, b.Dir, err)
	}
	if err != nil {
		return fmt.Errorf("read the launched task: %w", err)
	}
	if b.launch, err = task.ReadLaunch(data); err != nil {
		return &unusable{what: "task.json", err: err}
	}
	b.processes = make(map[string]*task.Process, len(b.launch.Task.Processes))
	for i := range b.launch.Task.Processes {
		p := &b.launch.Task.Processes[i]
		b.processes[p.Name] = p
	}
	if err := b.replay(); err != nil {
		return err
	}
	return b.furnish()
}

// frameHead is what a record of the journal takes beside its payload.
const frameHead = 8

// snapshotHead begins the records to which a journal was compacted.
var snapshotHead = []byte(`{"type":"snapshot`)

// replay opens the journal and folds it into the machine.
func (b *brain) replay() error {
	b.machine = machine.New(b.launch.Task)
	var offset int64
	var refused error
	j, err := journal.Open(b.Dir.Journal(), b.journalOptions(), func(payload []byte) error {
		if refused = b.machine.Replay(payload); refused != nil {
			return refused
		}
		offset += frameHead + int64(len(payload))
		if bytes.HasPrefix(payload, snapshotHead) {
			b.compact.records, b.compact.bytes = b.compact.records+1, offset
		}
		return nil
	})
	var damaged *journal.Damaged
	switch {
	case refused != nil:
		return &unusable{what: "journal", err: fmt.Errorf("the record at offset %d of the journal cannot be: %w", offset, refused)}
	case errors.As(err, &damaged):
		return &unusable{what: "journal", err: damaged}
	case err != nil:
		return err
	}
	b.journal = j
	if cut := j.Cut(); cut != nil {
		b.log("%d bytes at offset %d of the journal were no record and have been cut off: %s", cut.Bytes, cut.Offset, cut.Reason)
	}
	b.rebooted = b.machine.BootID() != "" && b.machine.BootID() != b.boot
	return nil
}

// journalOptions keeps enough in reserve for what a full disk must not stop: a
// few records for each process that may be running.
func (b *brain) journalOptions() journal.Options {
	const base, each, most = 64 << 10, 1 << 10, 8 << 20
	return journal.Options{Sync: b.launch.Sync, Reserve: min(base+each*int64(len(b.processes)), most)}
}

// furnish makes the sandbox. A user that this machine does not know keeps no brain from
// working: each run says so.
func (b *brain) furnish() error {
	if over(b.machine.Phase()) {
		return nil
	}
	owner, err := b.user(&task.Process{})
	if err != nil {
		b.log("the sandbox is left as it is: %v", err)
		return nil
	}
	shared := false
	for _, p := range b.processes {
		shared = shared || p.User != "" && p.User != b.launch.User
	}
	return sandbox.Make(b.Dir, owner, shared)
}

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

// insist tries again until done or until Patience is at its end. There is nothing to
// wait on for what it waits for: a lock's end is told to nobody.
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

// newShim buries what a dead shim has left and starts another, whose
// brain goes on with recovery; to it, our runs are lost. A finished task needs none.
func (b *brain) newShim(ctx context.Context) error {
	if b.journal != nil && over(b.machine.Phase()) {
		return nil
	}
	if err := client.Bury(ctx, b.Dir, b.taskID(), b.unburied()); err != nil {
		return err
	}
	b.log("no shim lives: what it left is buried, another one is started")
	b.point("before starting a shim")
	defer b.point("after starting a shim")
	return client.StartShim(b.Dir, b.ShimBinary, b.BrainBinary)
}

// unburied are the statuses of all runs of which something may live: those that the machine
// names, or in quarantine all that there are.
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

// taskID is the task's, which its directory is named after should nothing else say it.
func (b *brain) taskID() string {
	if b.launch.ID != "" {
		return b.launch.ID
	}
	return filepath.Base(string(b.Dir))
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
	return errors.Join(append(errs, b.alarm.close())...)
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
