package disk

import (
	"encoding/binary"
	"strings"
	"testing"
)

// record is struct linux_dirent64 as getdents64(2) has it.
func record(next int64, name string) []byte {
	size := (19 + len(name) + 1 + 7) &^ 7
	b := make([]byte, size)
	binary.NativeEndian.PutUint64(b[8:], uint64(next))
	binary.NativeEndian.PutUint16(b[16:], uint16(size))
	copy(b[19:], name)
	return b
}

func TestParse(t *testing.T) {
	long := strings.Repeat("x", 255)
	buf := append(append(record(5, "."), record(77, long)...), record(1<<62, "ä b\n")...)
	for _, want := range []struct {
		next int64
		name string
		dots bool
	}{{5, ".", true}, {77, long, false}, {1 << 62, "ä b\n", false}} {
		d, rest, ok := parse(buf)
		if !ok || d.next != want.next || string(d.name) != want.name+"\x00" || d.dots() != want.dots {
			t.Fatalf("parse: %v %d %q, want %d %q", ok, d.next, d.name, want.next, want.name)
		}
		buf = rest
	}
	if len(buf) != 0 {
		t.Fatalf("%d bytes are left over", len(buf))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(record(5, ".."))
	f.Add(record(5, "name")[:22])
	f.Fuzz(func(t *testing.T, buf []byte) {
		for {
			d, rest, ok := parse(buf)
			if !ok {
				return
			}
			if len(d.name) == 0 || len(rest) >= len(buf) {
				t.Fatalf("parse of %q went nowhere", buf)
			}
			d.dots()
			buf = rest
		}
	})
}
