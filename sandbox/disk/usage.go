package disk

import "time"

// Usage is what a directory and all below it hold.
type Usage struct {
	Bytes int64 `json:"bytes"` // allocated: blocks, not sizes; a file with several links once
	Files int64 `json:"files"` // of every kind, directories too

	Begun    time.Time     `json:"begun"`
	Finished time.Time     `json:"finished"` // the figure is as old as this; Begun, if the walk was interrupted
	CPU      time.Duration `json:"cpu"`      // nanoseconds that it cost

	Unread int64  `json:"unread,omitempty"` // what could not be looked at, or into: Bytes is too small by that
	Why    string `json:"why,omitempty"`    // of the first of these
	Mounts int64  `json:"mounts,omitempty"` // mount points below, whose content is not counted
}

// Partial says whether there is more than could be counted.
func (u Usage) Partial() bool { return u.Unread > 0 }

// Over says whether it is more than limit bytes. No limit is 0.
func (u Usage) Over(limit int64) bool { return limit > 0 && u.Bytes > limit }

// node is what is known of one file.
type node struct {
	id    fileID
	mount uint64 // 0: unknown
	links uint32
	bytes int64
	kind  kind
}

type fileID struct{ dev, ino uint64 }

type kind uint8

const (
	special kind = iota // links, sockets, pipes, devices
	regular
	directory
)

// maxLinked is how many files with several links are remembered: some 4 MB.
const maxLinked = 1 << 16

// tally adds up nodes.
type tally struct {
	bytes, files, unread, mounts int64
	why                          string
	linked                       map[fileID]struct{}
}

// add counts n, unless it was counted under another name. Where there are too
// many to remember, each name counts for its share of the bytes: the sum is
// right when all names are below the directory.
func (t *tally) add(n node) {
	if n.kind == directory || n.links < 2 {
		t.bytes += n.bytes
		t.files++
		return
	}
	if _, counted := t.linked[n.id]; counted {
		return
	}
	if len(t.linked) >= maxLinked {
		t.bytes += n.bytes / int64(n.links)
		t.files++
		return
	}
	if t.linked == nil {
		t.linked = make(map[fileID]struct{})
	}
	t.linked[n.id] = struct{}{}
	t.bytes += n.bytes
	t.files++
}

func (t *tally) miss(err error) {
	if t.unread++; t.unread == 1 {
		t.why = err.Error()
	}
}

// usage is the sum so far, without its times.
func (t *tally) usage() Usage {
	return Usage{Bytes: t.bytes, Files: t.files, Unread: t.unread, Why: t.why, Mounts: t.mounts}
}
