package observer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// fold is what has been read and folded of one task, and goes on where it
// stopped.
type fold struct {
	dir     task.Dir
	launch  *task.Launch
	why     error // why there is no launch
	reader  *journal.Reader
	machine *machine.Machine
	wrong   error // the journal cannot be folded from some record on
	trouble error // the journal cannot be read now
	told    uint64
	tail    int64
}

func newFold(dir task.Dir) *fold {
	f := &fold{dir: dir}
	f.loadLaunch()
	return f
}

// loadLaunch reads task.json. What was folded without it will be folded anew.
func (f *fold) loadLaunch() {
	f.launch, f.why = readLaunch(f.dir)
	f.close()
	f.begin()
}

// begin begins to fold anew.
func (f *fold) begin() {
	var t task.Task
	if f.launch != nil {
		t = f.launch.Task
	}
	f.machine, f.wrong, f.tail = machine.New(t), nil, 0
}

func readLaunch(dir task.Dir) (*task.Launch, error) {
	const most = 256 << 20
	data, err := readFile(dir.TaskJSON(), most)
	if err != nil {
		return nil, err
	}
	l, err := task.ReadLaunch(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir.TaskJSON(), err)
	}
	return &l, nil
}

func (f *fold) close() {
	if f.reader != nil {
		f.reader.Close() // it was only read
		f.reader = nil
	}
}

// read folds all that there is, and returns the entries that it has not
// returned before. Nothing is read twice, but after the journal was replaced:
// then what it has of the same task begins with a snapshot, which is news only
// to a reader who has missed records. The error is why the journal cannot be
// read now; later perhaps it can.
func (f *fold) read() ([]machine.Entry, error) {
	var news []machine.Entry
	for {
		if f.reader == nil {
			r, err := journal.NewReader(f.dir.Journal())
			if errors.Is(err, fs.ErrNotExist) {
				return news, nil
			}
			if err != nil {
				return news, linked(err)
			}
			f.reader = r
			f.begin()
		}
		payload, err := f.reader.Next()
		var damaged *journal.Damaged
		switch {
		case err == nil:
			if e, ok := f.take(payload); ok {
				news = append(news, e)
			}
			continue
		case errors.Is(err, journal.ErrReplaced):
			f.close()
			continue
		case errors.As(err, &damaged):
			f.wrong = damaged
		case err != io.EOF:
			return news, fmt.Errorf("%s: %w", f.dir.Journal(), err)
		}
		f.tail = f.reader.Tail()
		if f.wrong == nil { // a record that was told may have been taken back
			f.told = min(f.told, f.machine.Seq())
		}
		return news, nil
	}
}

// take folds one record, and says whether it is news.
func (f *fold) take(payload []byte) (machine.Entry, bool) {
	at := f.reader.Offset() - int64(len(payload)) - journal.FrameSize
	e, err := machine.Decode(payload)
	if err == nil && f.wrong == nil {
		err = f.machine.Fold(e)
	}
	if err != nil && f.wrong == nil {
		f.wrong = fmt.Errorf("the record at offset %d of %s cannot be: %w", at, f.dir.Journal(), err)
	}
	if e.Record == nil {
		return e, false
	}
	if _, created := e.Record.(machine.Created); created {
		f.told = 0 // another history
	}
	if e.Seq <= f.told {
		return e, false
	}
	f.told = e.Seq
	return e, true
}

// view is what is known now.
func (f *fold) view(k keepers) *View {
	v := &View{
		ID: filepath.Base(string(f.dir)), Dir: f.dir, Launch: f.launch,
		State: f.machine.State(), Shim: k.shim, Brain: k.brain, unsure: k.err != nil, machine: f.machine,
	}
	v.problem(k.err)
	v.problem(f.trouble)
	var err error
	v.Failing, err = readFailing(f.dir)
	v.problem(err)
	v.Wish, err = readWish(f.dir)
	v.problem(err)
	v.Refresh()
	if boot, err := shim.BootID(); err != nil {
		v.problem(err)
	} else {
		v.Rebooted = f.machine.BootID() != "" && f.machine.BootID() != boot
	}
	if v.Brain == 0 {
		v.Torn = f.tail
	}
	f.judge(v)
	return v
}

// judge says what the files that decide are worth.
func (f *fold) judge(v *View) {
	wrong := f.wrong
	switch {
	case errors.Is(f.why, fs.ErrNotExist) && v.unkept():
		wrong = ErrNotTask
	case f.why != nil:
		wrong = f.why // without a task no journal can be folded
	case wrong == nil && f.reader != nil && f.reader.Headless():
		wrong = &journal.Damaged{Path: f.dir.Journal(), Reason: "it ends in the middle of its first record"}
	}
	if wrong == nil {
		return
	}
	if v.Over() {
		v.Problems = append(v.Problems, wrong)
		return
	}
	v.Quarantine = wrong
}

// Refresh reads anew what is written beside the journal: where the task's groups
// are, and what its sandbox holds.
func (v *View) Refresh() {
	if g, found, err := sandbox.ReadGroups(v.Dir); err != nil {
		v.problem(err)
	} else if found {
		v.Groups = &g
	}
	if d, found, err := sandbox.ReadDiskUsage(v.Dir); err != nil {
		v.problem(err)
	} else if found {
		v.Disk = &d
	}
}
