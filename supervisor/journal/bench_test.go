package journal

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkReopen opens a journal of 100,000 records of about 130 bytes.
func BenchmarkReopen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal")
	content := written(b, payloads(100_000))
	if err := os.WriteFile(path, content, 0o640); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		j, err := Open(path, Options{}, func([]byte) error { n++; return nil })
		if err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, o := range map[string]Options{"reserved": {}, "unreserved": {Reserve: -1}, "synced": {Sync: true}} {
		b.Run(name, func(b *testing.B) {
			j, err := Open(filepath.Join(b.TempDir(), "journal"), o, nil)
			if err != nil {
				b.Fatal(err)
			}
			p := payloads(1)[0]
			b.ReportAllocs()
			for b.Loop() {
				if err := j.Append(Ordinary, p); err != nil {
					b.Fatal(err)
				}
			}
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
