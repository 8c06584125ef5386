package journal

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden journal of the current format anew")

// TestGolden holds every released format to its file: testdata/format1.journal
// holds the lines of testdata/format1.payloads.
func TestGolden(t *testing.T) {
	lines, err := os.ReadFile("testdata/format1.payloads")
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n"))
	if *rewrite {
		if err := os.WriteFile("testdata/format1.journal", written(t, want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/format1.journal")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, golden, 0o640); err != nil {
		t.Fatal(err)
	}
	_, got := mustOpen(t, path, Options{})
	samePayloads(t, got, want)
	r, err := NewReader("testdata/format1.journal")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err = drain(r)
	if err != io.EOF {
		t.Error(err)
	}
	samePayloads(t, got, want)
	if now := written(t, want); !bytes.Equal(now, golden) {
		t.Error("what is written now is not format 1")
	}
}
