package machine

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dewarhq/dewar/task"
)

// Entry is one record with its number and its time.
type Entry struct {
	Seq    uint64
	At     Instant
	Record Record
}

// Encode is the payload of a journal record: one JSON object, its type first:
//
//	{"type":"forking","seq":7,"wall":1753000000000000000,"boot":4500000000,"process":"web","run":3}
//
// Text that is not UTF-8 is mended.
func Encode(seq uint64, at Instant, r Record) []byte {
	w := wire{b: make([]byte, 0, 320)}
	name := TypeOf(r)
	w.open()
	text(&w, "type", &name)
	number := int64(seq)
	w.int64("seq", &number)
	w.int64("wall", &at.Wall)
	w.int64("boot", &at.Boot)
	if _, unknown := r.(Unknown); !unknown {
		kinds[name].write(&w, r)
	}
	w.close()
	return w.b
}

// Decode reads a payload. A record of a type that this version does not know
// is an Unknown; fields that it does not know are passed over.
func Decode(payload []byte) (Entry, error) {
	if e, ok := decodeOurs(payload); ok {
		return e, nil
	}
	return decodeAny(payload)
}

// decodeOurs reads what Encode wrote.
func decodeOurs(payload []byte) (Entry, bool) {
	w := wire{reading: true, b: payload}
	w.open()
	if w.bad || !w.name("type") || !w.next('"') {
		return Entry{}, false
	}
	from := w.i
	for w.i < len(w.b) && w.b[w.i] != '"' {
		w.i++
	}
	k, known := kinds[string(w.b[from:w.i])]
	if !known || !w.next('"') {
		return Entry{}, false
	}
	var e Entry
	var seq int64
	w.int64("seq", &seq)
	w.int64("wall", &e.At.Wall)
	w.int64("boot", &e.At.Boot)
	e.Seq, e.Record = uint64(seq), k.read(&w)
	w.close()
	return e, !w.bad && w.i == len(w.b) && seq >= 0
}

// decodeAny reads any JSON of the right shape.
func decodeAny(payload []byte) (Entry, error) {
	var h struct {
		Type *string `json:"type"`
		Seq  *uint64 `json:"seq"`
		Wall int64   `json:"wall"`
		Boot int64   `json:"boot"`
	}
	if err := json.Unmarshal(payload, &h); err != nil {
		return Entry{}, fmt.Errorf("read a record: %w", err)
	}
	if h.Type == nil || *h.Type == "" || h.Seq == nil {
		return Entry{}, errors.New("read a record: it has no type or no number")
	}
	e := Entry{Seq: *h.Seq, At: Instant{Boot: h.Boot, Wall: h.Wall}, Record: Unknown{*h.Type}}
	if k, known := kinds[*h.Type]; known {
		r, err := k.unmarshal(payload)
		if err != nil {
			return Entry{}, fmt.Errorf("read a record of type %s: %w", task.Quote(*h.Type), err)
		}
		e.Record = r
	}
	return e, nil
}

// Replay decodes a payload and folds it, see Fold.
func (m *Machine) Replay(payload []byte) error {
	e, err := Decode(payload)
	if err != nil {
		return err
	}
	return m.Fold(e)
}

// Fold checks that an entry's number follows, and applies its record.
func (m *Machine) Fold(e Entry) error {
	due := m.Seq() + 1
	switch r := e.Record.(type) {
	case Snapshot:
		due = r.Head.Records
	case SnapshotRest:
		due = m.Seq()
	}
	if e.Seq != due {
		return fmt.Errorf("record %d (%s) comes where %d is due", e.Seq, TypeOf(e.Record), due)
	}
	return m.Apply(e.At, e.Record)
}

// kind is how one type of record is written and read.
type kind struct {
	write     func(*wire, Record)
	read      func(*wire) Record
	unmarshal func([]byte) (Record, error)
}

// listed is a pointer to a record that lists its fields.
type listed[T any] interface {
	*T
	fields(*wire)
}

func kindOf[T Record, P listed[T]]() kind {
	return kind{
		write: func(w *wire, r Record) {
			v := r.(T)
			P(&v).fields(w)
		},
		read: func(w *wire) Record {
			var v T
			P(&v).fields(w)
			return v
		},
		unmarshal: func(data []byte) (Record, error) {
			var v T
			err := json.Unmarshal(data, &v)
			return v, err
		},
	}
}

var kinds = map[string]kind{
	Created{}.record():      kindOf[Created](),
	TakenUp{}.record():      kindOf[TakenUp](),
	Forking{}.record():      kindOf[Forking](),
	Started{}.record():      kindOf[Started](),
	Ready{}.record():        kindOf[Ready](),
	Stopping{}.record():     kindOf[Stopping](),
	Killing{}.record():      kindOf[Killing](),
	Ended{}.record():        kindOf[Ended](),
	Emptied{}.record():      kindOf[Emptied](),
	KillAsked{}.record():    kindOf[KillAsked](),
	RestartAsked{}.record(): kindOf[RestartAsked](),
	StopAsked{}.record():    kindOf[StopAsked](),
	StartAsked{}.record():   kindOf[StartAsked](),
	SignalAsked{}.record():  kindOf[SignalAsked](),
	ResizeAsked{}.record():  kindOf[ResizeAsked](),
	PauseAsked{}.record():   kindOf[PauseAsked](),
	UnpauseAsked{}.record(): kindOf[UnpauseAsked](),
	OverDisk{}.record():     kindOf[OverDisk](),
	Denied{}.record():       kindOf[Denied](),
	Unkillable{}.record():   kindOf[Unkillable](),
	Thinned{}.record():      kindOf[Thinned](),
	Calling{}.record():      kindOf[Calling](),
	Called{}.record():       kindOf[Called](),
	Parted{}.record():       kindOf[Parted](),
	PreStopping{}.record():  kindOf[PreStopping](),
	PreStopped{}.record():   kindOf[PreStopped](),
	Answered{}.record():     kindOf[Answered](),
	Snoozed{}.record():      kindOf[Snoozed](),
	Unsnoozed{}.record():    kindOf[Unsnoozed](),
	Gathered{}.record():     kindOf[Gathered](),
	Cleaning{}.record():     kindOf[Cleaning](),
	Finalizing{}.record():   kindOf[Finalizing](),
	Clearing{}.record():     kindOf[Clearing](),
	Cleared{}.record():      kindOf[Cleared](),
	Finished{}.record():     kindOf[Finished](),
	Snapshot{}.record():     kindOf[Snapshot](),
	SnapshotRest{}.record(): kindOf[SnapshotRest](),
}
