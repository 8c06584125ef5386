package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// check opens content as a journal, and reads it with a Reader, and holds both
// to the rules: a prefix of want, or a *Damaged after one that names an offset
// inside; what is cut off is kept; opened again it is the same. It returns how
// many payloads are left, and the damage.
func check(t testing.TB, content []byte, want [][]byte) (int, *Damaged) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	read, readErr := drain(r)
	j, got, err := replayed(t, path, Options{Reserve: -1})
	samePayloads(t, read, got)
	if len(got) > len(want) {
		t.Fatalf("%d payloads of %d", len(got), len(want))
	}
	samePayloads(t, got, want[:len(got)])
	var d, seen *Damaged
	end := int64(len(written(t, got)))
	if errors.As(err, &d) {
		if d.Offset != end || d.Path != path {
			t.Fatalf("%v, want offset %d of %s", d, end, path)
		}
		if errors.As(readErr, &seen) && seen.Offset != d.Offset || seen == nil && (readErr != io.EOF || end != 0) {
			t.Fatalf("Open says %v, a reader %v", err, readErr)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
			t.Fatalf("a damaged file was changed: %v", err)
		}
		return len(got), d
	}
	if err != nil {
		t.Fatal(err)
	}
	if readErr != io.EOF || r.Offset() != end || r.Tail() != int64(len(content))-end {
		t.Fatalf("the reader says %v at %d with a tail of %d bytes", readErr, r.Offset(), r.Tail())
	}
	if cut := j.Cut(); cut != nil || int64(len(content)) != end {
		kept, err := os.ReadFile(path + ".cut")
		if err != nil || !bytes.Equal(kept, content[end:min(int64(len(content)), end+FrameSize+MaxPayload)]) {
			t.Fatalf("kept %d bytes of %d: %v", len(kept), int64(len(content))-end, err)
		}
		if cut == nil || cut.Offset != end || cut.Bytes != int64(len(content))-end || cut.Kept != nil {
			t.Fatalf("cut off at %d: %+v", end, cut)
		}
	}
	mustAppend(t, j, []byte("goes on"))
	_, again := mustOpen(t, path, Options{Reserve: -1})
	samePayloads(t, again, append(got, []byte("goes on")))
	return len(got), nil
}

func TestCutAtEveryByte(t *testing.T) {
	want := payloads(5)
	content := written(t, want)
	first := len(written(t, want[:1]))
	for n := range len(content) + 1 {
		left, d := check(t, content[:n], want)
		if whole := n * 5 / len(content); left != whole && len(content)%5 == 0 {
			t.Errorf("cut to %d bytes: %d payloads, want %d", n, left, whole)
		}
		if (d != nil) != (3 < n && n < first) { // the first three are zeros
			t.Errorf("cut to %d bytes: %v", n, d)
		}
	}
}

func TestEveryByteChanged(t *testing.T) {
	want := payloads(5)
	content := written(t, want)
	for _, with := range []byte{0x01, 0x80, 0xff} {
		for i := range content {
			changed := bytes.Clone(content)
			changed[i] ^= with
			left, d := check(t, changed, want)
			if whole := i * 5 / len(content); left != whole {
				t.Errorf("byte %d changed: %d payloads, want %d", i, left, whole)
			}
			if last := i >= len(content)/5*4; (d == nil) != last {
				t.Errorf("byte %d changed: %v", i, d)
			}
		}
	}
}

func TestTails(t *testing.T) {
	want := payloads(3)
	good := written(t, want)
	one := written(t, want[:1])
	noise := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, c := range map[string]struct {
		content []byte
		left    int
		damaged bool
	}{
		"nothing":                {nil, 0, false},
		"only zeros":             {make([]byte, 70_000), 0, false},
		"only noise":             {noise, 0, true},
		"three bytes":            {[]byte("abc"), 0, true},
		"zeros behind":           {append(bytes.Clone(good), make([]byte, 300_000)...), 3, false},
		"noise behind":           {append(bytes.Clone(good), noise...), 3, false},
		"zeros, then a record":   {append(append(bytes.Clone(good), make([]byte, 4096)...), one...), 3, true},
		"noise, then a record":   {append(append(bytes.Clone(good), noise...), one...), 3, true},
		"a record after 34 MiB":  {append(append(bytes.Clone(good), make([]byte, 34<<20)...), one...), 3, true},
		"zeros, then one record": {append(make([]byte, 4096), one...), 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			left, d := check(t, c.content, want)
			if left != c.left || (d != nil) != c.damaged {
				t.Errorf("%d payloads, %v", left, d)
			}
		})
	}
}

// TestImpossibleLengths gives records of impossible lengths right checksums.
func TestImpossibleLengths(t *testing.T) {
	good := written(t, payloads(1))
	for _, n := range []int{0, MaxPayload + 1} {
		impossible := appendFrame(nil, make([]byte, n))
		if left, d := check(t, append(bytes.Clone(good), impossible...), payloads(1)); left != 1 || d != nil {
			t.Errorf("a record of %d bytes: %d payloads, %v", n, left, d)
		}
		if _, ok, err := findRecord(bytes.NewReader(impossible), 0); ok || err != nil {
			t.Errorf("a record of %d bytes was found: %v", n, err)
		}
	}
}

// TestRecordsAcrossWindows hides a large record where one window of the search
// ends.
func TestRecordsAcrossWindows(t *testing.T) {
	record := appendFrame(nil, bytes.Repeat([]byte{9}, MaxPayload))
	for _, at := range []int{windowSize / 2, windowSize - MaxPayload/2} {
		content := append(make([]byte, at), record...)
		if got, ok, err := findRecord(bytes.NewReader(content), 0); got != int64(at) || !ok || err != nil {
			t.Errorf("a record at %d: found %d %v %v", at, got, ok, err)
		}
	}
}

// TestFindRecordTriesEverything compares with the obvious way.
func TestFindRecordTriesEverything(t *testing.T) {
	for seed := range soak(20) {
		rnd := rand.New(rand.NewPCG(uint64(seed), 1))
		content := make([]byte, rnd.IntN(3*sumStep))
		for i := range content {
			content[i] = byte(rnd.IntN(256) >> (8 * rnd.IntN(2))) // half of it zeros
		}
		at := len(content)
		content = appendFrame(content, bytes.Repeat([]byte{7}, 1+rnd.IntN(5*sumStep)))
		content = append(content, make([]byte, rnd.IntN(sumStep))...)
		for _, from := range []int{0, rnd.IntN(at + 1), at, at + 1} {
			want := int64(-1)
			for i := from; i < len(content); i++ {
				s := scanner{src: bytes.NewReader(content), off: int64(i)}
				if _, err := s.next(); err == nil {
					want = int64(i)
					break
				}
			}
			got, ok, err := findRecord(bytes.NewReader(content), int64(from))
			if err != nil || ok != (want >= 0) || ok && got != want {
				t.Fatalf("seed %d, from %d: %d %v %v, want %d", seed, from, got, ok, err, want)
			}
		}
	}
}

// TestSearchIsNotQuadratic looks for a record behind 16 MiB in which it is
// promised again and again: by chance, or by every fourth byte.
func TestSearchIsNotQuadratic(t *testing.T) {
	noise := make([]byte, MaxPayload)
	rand.NewChaCha8([32]byte{2}).Read(noise)
	promises := make([]byte, MaxPayload)
	for i := 0; i+4 <= len(promises); i += 4 {
		binary.BigEndian.PutUint32(promises[i:], 0x00ff0000|uint32(i)&0xff)
	}
	for name, content := range map[string][]byte{"noise": noise, "promises": promises} {
		content = appendFrame(content, []byte("found"))
		start := time.Now()
		at, ok, err := findRecord(bytes.NewReader(content), 0)
		if at != MaxPayload || !ok || err != nil {
			t.Errorf("%s: %d %v %v", name, at, ok, err)
		}
		took := time.Since(start)
		t.Logf("%s: %v", name, took)
		if took > 60*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}
