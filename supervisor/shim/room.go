package shim

import (
	"errors"
	"syscall"
	"unsafe"
)

// room is where a run's spec is read to, and where everything lies that the ops
// of its step point to. Pages that nothing was put into cost nothing.
type room struct {
	own  []byte // for all specs but large ones; kept
	all  []byte // own, or a mapping
	used int
}

const (
	ordinary  = 8 << 10   // bytes of a spec for which own is large enough
	ownRoom   = 64 << 10  // five times that, and names to look for
	namesRoom = 512 << 10 // beside a large spec
	perByte   = 5         // of a spec: the text, and at most 8 bytes of pointer and 4 of group for each five of it
	wordSize  = unsafe.Sizeof(uintptr(0))
	largest   = 1 << 30
)

var errRoom = errors.New("the names under which its PATH has it looked for are too many, or too long")

// begin makes room for a spec of so many bytes.
func (m *room) begin(size int) (err error) {
	m.used = 0
	if size <= ordinary {
		if m.own == nil {
			m.own = make([]byte, ownRoom)
		}
		m.all = m.own
		return nil
	}
	if size > largest {
		return syscall.EFBIG
	}
	const private = syscall.MAP_PRIVATE | syscall.MAP_ANON
	m.all, err = syscall.Mmap(-1, 0, perByte*size+namesRoom, syscall.PROT_READ|syscall.PROT_WRITE, private)
	return err
}

// end gives a mapping back.
func (m *room) end() {
	if len(m.all) > ownRoom {
		if err := syscall.Munmap(m.all); err != nil {
			panic("unmap a mapping of our own: " + err.Error())
		}
	}
	m.all = nil
}

// take returns n bytes, or nil; what they hold is not said.
func (m *room) take(n int) []byte {
	if n > len(m.all)-m.used {
		return nil
	}
	m.used += n
	return m.all[m.used-n : m.used : m.used]
}

// words returns n words and a 0 behind them.
func (m *room) words(n int) []uintptr {
	const align = int(wordSize) - 1
	m.used = (m.used + align) &^ align
	b := m.take((n + 1) * int(wordSize))
	if b == nil {
		return nil
	}
	w := unsafe.Slice((*uintptr)(unsafe.Pointer(&b[0])), n+1)
	w[n] = 0
	return w[:n]
}

// join puts parts together, with a NUL at their end.
func (m *room) join(parts ...string) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	b := m.take(n)
	if b == nil {
		return nil
	}
	at := 0
	for _, p := range parts {
		at += copy(b[at:], p)
	}
	b[at] = 0
	return b
}

// textAt is the NUL-terminated text at an address in the room.
func (m *room) textAt(address uintptr) string {
	return view(cString(m.all[address-uintptr(unsafe.Pointer(&m.all[0])):]))
}

// view is b as a string, as long as b stays as it is.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// address is where a view, or anything else with bytes, begins.
func address(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }
