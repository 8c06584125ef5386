package shim

import (
	"errors"
	"strconv"
)

// A frame is its length (of what follows, 4 bytes, big endian) and its fields,
// each ended by a NUL. The first field says what the frame is.
const (
	frameHead = 4
	// MaxFrame is the longest frame that either side accepts, head included.
	MaxFrame = 4096
)

// First fields of the frames from the brain: requests, answered in order.
const (
	AskHello  = "hello"  // <version>: the brain works
	AskSpawn  = "spawn"  // <dir>
	AskSignal = "signal" // <dir> <number> group|main
	AskKill   = "kill"   // <dir>
	AskClear  = "clear"
	AskSeen   = "seen" // <dir>
	AskList   = "list"
	AskEnd    = "end"
)

// First fields of the frames from the shim.
const (
	SayHello  = "hello"  // <version> <shim pid> <shim start> <brain pid>: begins a list
	SayRun    = "run"    // <dir> <state> <pid>: one of a list
	SayStrays = "strays" // <number>: of a list
	SayListed = "listed" // ends a list
	SayOK     = "ok"     // answers a request
	SayNo     = "no"     // <sentence>: answers a request
	SayBell   = "bell"   // <kind> [<dir>]
)

// Kinds of bells.
const (
	BellStarted  = "started"  // <dir>: its command was executed
	BellReady    = "ready"    // <dir>: READY=1
	BellEnded    = "ended"    // <dir>: its status is final
	BellEmptied  = "emptied"  // <dir>: what it had left behind is gone
	BellCleared  = "cleared"  // nothing of the task lives
	BellShutdown = "shutdown" // the file shutdown is there
	BellList     = "list"     // bells were lost: ask for a list
)

// AppendFrame appends one frame.
func AppendFrame(b []byte, fields ...string) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, f := range fields {
		b = append(b, f...)
		b = append(b, 0)
	}
	n := len(b) - start - frameHead
	b[start], b[start+1], b[start+2], b[start+3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return b
}

// CutFrame finds the frame at the beginning of b and returns what is between
// its head and its end, and how long it is in all: 0 if b holds only a part of
// it. A length that no frame has, and fields that do not end in a NUL, are
// errors: nothing after them can be understood.
func CutFrame(b []byte) (body []byte, size int, err error) {
	if len(b) < frameHead {
		return nil, 0, nil
	}
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	if n == 0 || n > MaxFrame-frameHead {
		return nil, 0, errors.New("a frame of " + strconv.FormatUint(uint64(n), 10) + " bytes, where 1 to " + strconv.Itoa(MaxFrame-frameHead) + " are allowed")
	}
	size = frameHead + int(n)
	if len(b) < size {
		return nil, 0, nil
	}
	if b[size-1] != 0 {
		return nil, 0, errors.New("a frame whose last field is not ended")
	}
	return b[frameHead:size], size, nil
}

// CutField takes the first field from a frame's body. After the last one it
// returns nil.
func CutField(body []byte) (field, rest []byte) {
	for i, c := range body {
		if c == 0 {
			return body[:i], body[i+1:]
		}
	}
	return nil, nil
}
