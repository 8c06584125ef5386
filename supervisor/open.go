package supervisor

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// open reads task.json and the journal and makes the sandbox. The error is an
// *unusable if that calls for quarantine.
func (b *brain) open() error {
	data, err := b.readTask()
	if err != nil {
		return err
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

// snapshotHead begins the records to which a journal was compacted.
var snapshotHead = []byte(`{"type":"snapshot`)

// replay opens the journal and folds it into the machine.
func (b *brain) replay() error {
	if err := b.checkJournal(); err != nil {
		return err
	}
	b.machine = machine.New(b.launch.Task)
	var offset int64
	var refused error
	j, err := journal.Open(b.Dir.Journal(), b.journalOptions(), func(payload []byte) error {
		if refused = b.machine.Replay(payload); refused != nil {
			return refused
		}
		offset += journal.FrameSize + int64(len(payload))
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

// furnish makes the sandbox. A user that this machine does not know keeps no
// brain from working: each run says so.
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
