package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// TestModel drives a journal and a reader beside a slice of payloads: whatever
// is done, crashes included, they agree.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		defer m.close()
		t.Repeat(map[string]func(*rapid.T){
			"":        m.agree,
			"append":  m.append,
			"compact": m.compact,
			"reopen":  m.reopen,
			"crash":   m.crash,
			"read":    m.read,
		})
	})
}

type model struct {
	path string
	j    *Journal
	want [][]byte
	r    *Reader
	seen [][]byte // what r has read
}

func newModel(t *rapid.T) *model {
	dir, err := os.MkdirTemp("", "journal-model-")
	if err != nil {
		t.Fatal(err)
	}
	m := &model{path: filepath.Join(dir, "journal")}
	m.open(t)
	return m
}

func (m *model) open(t *rapid.T) {
	var got [][]byte
	o := Options{Reserve: rapid.SampledFrom([]int64{-1, 0, 1, 100_000}).Draw(t, "reserve")}
	j, err := Open(m.path, o, func(p []byte) error {
		got = append(got, bytes.Clone(p))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m.j = j
	m.same(t, got, m.want)
}

func (m *model) same(t *rapid.T, got, want [][]byte) {
	if len(got) != len(want) {
		t.Fatalf("%d payloads, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("payload %d differs", i)
		}
	}
}

func (m *model) close() {
	m.j.Close()
	if m.r != nil {
		m.r.Close()
	}
	os.RemoveAll(filepath.Dir(m.path))
}

var payload = rapid.Custom(func(t *rapid.T) []byte {
	if rapid.IntRange(0, 20).Draw(t, "big") == 0 {
		n := rapid.IntRange(1, 3*bufferSize).Draw(t, "size")
		return bytes.Repeat([]byte{rapid.Byte().Draw(t, "of")}, n)
	}
	return rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "payload")
})

func (m *model) append(t *rapid.T) {
	batch := rapid.SliceOfN(payload, 0, 5).Draw(t, "batch")
	space := rapid.SampledFrom([]Space{Ordinary, Reserve}).Draw(t, "space")
	if err := m.j.Append(space, batch...); err != nil {
		t.Fatal(err)
	}
	m.want = append(m.want, batch...)
}

func (m *model) compact(t *rapid.T) {
	batch := rapid.SliceOfN(payload, 0, 3).Draw(t, "snapshot")
	if err := m.j.Compact(batch...); err != nil {
		t.Fatal(err)
	}
	m.want = batch
}

func (m *model) reopen(t *rapid.T) {
	if err := m.j.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
}

// crash leaves the beginning of an append, or zeros, behind the last record.
func (m *model) crash(t *rapid.T) {
	if len(m.want) == 0 {
		t.Skip("the first record is never torn")
	}
	frames, err := frame(nil, [][]byte{rapid.SliceOfN(rapid.ByteRange(1, 255), 1, 300).Draw(t, "torn")})
	if err != nil {
		t.Fatal(err)
	}
	frames = frames[:rapid.IntRange(0, len(frames)-1).Draw(t, "bytes")]
	frames = append(frames, make([]byte, rapid.IntRange(0, 9).Draw(t, "zeros"))...)
	if len(frames) == 0 {
		t.Skip("nothing was torn")
	}
	if _, err := m.j.file.WriteAt(frames, m.j.size); err != nil {
		t.Fatal(err)
	}
	m.reopen(t)
	if cut := m.j.Cut(); cut == nil || cut.Bytes != int64(len(frames)) {
		t.Fatalf("cut %+v of %d bytes", cut, len(frames))
	}
}

// read reads what there is to read.
func (m *model) read(t *rapid.T) {
	for {
		if m.r == nil {
			r, err := NewReader(m.path)
			if err != nil {
				t.Fatal(err)
			}
			m.r, m.seen = r, nil
		}
		got, err := drain(m.r)
		m.seen = append(m.seen, got...)
		if errors.Is(err, ErrReplaced) {
			m.r.Close()
			m.r = nil
			continue
		}
		if err != io.EOF {
			t.Fatal(err)
		}
		m.same(t, m.seen, m.want)
		return
	}
}

func (m *model) agree(t *rapid.T) {
	if m.j.Records() != len(m.want) {
		t.Fatalf("%d records, want %d", m.j.Records(), len(m.want))
	}
	info, err := os.Stat(m.path)
	if err != nil || info.Size() != m.j.Size() {
		t.Fatalf("%v, %v; want %d bytes", info, err, m.j.Size())
	}
}
