package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpen opens anything at all. Whatever it is, Open and a Reader do not
// panic, they see the same payloads, and what Open has mended stays mended.
func FuzzOpen(f *testing.F) {
	golden, err := os.ReadFile("testdata/format1.journal")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, golden, golden[:200], golden[3:], append(golden[:300:300], golden...), make([]byte, 99)} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "journal")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o640); err != nil {
			t.Fatal(err)
		}
		r := mustReader(t, path)
		read, readErr := drain(r)
		j, got, err := replayed(t, path, Options{Reserve: -1})
		samePayloads(t, read, got)
		end := int64(len(written(t, got)))
		var d *Damaged
		if errors.As(err, &d) {
			if d.Offset != end || readErr == io.EOF && end != 0 {
				t.Fatalf("Open says %v after %d bytes, a reader %v", d, end, readErr)
			}
			return
		}
		if err != nil || readErr != io.EOF || j.Size() != end {
			t.Fatalf("%v, %v, %d bytes of %d", err, readErr, j.Size(), end)
		}
		mustAppend(t, j, []byte("goes on"))
		_, again := mustOpen(t, path, Options{Reserve: -1})
		samePayloads(t, again, append(got, []byte("goes on")))
	})
}
