package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// drain reads until there is no more, and returns what it read and why it
// stopped.
func drain(r *Reader) ([][]byte, error) {
	var got [][]byte
	for {
		p, err := r.Next()
		if err != nil {
			return got, err
		}
		got = append(got, bytes.Clone(p))
	}
}

func mustReader(t testing.TB, path string) *Reader {
	t.Helper()
	r, err := NewReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestReaderSeesHalfARecordAsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	want := payloads(3)
	content := written(t, want)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := mustReader(t, path)
	var got [][]byte
	for i := range content {
		if _, err := f.Write(content[i : i+1]); err != nil {
			t.Fatal(err)
		}
		more, err := drain(r)
		if err != io.EOF {
			t.Fatalf("after %d bytes: %v", i+1, err)
		}
		got = append(got, more...)
		if whole := (i + 1) * 3 / len(content); len(got) != whole {
			t.Fatalf("after %d bytes: %d payloads", i+1, len(got))
		}
		if r.Offset()+r.Tail() != int64(i+1) {
			t.Fatalf("after %d bytes: offset %d and tail %d", i+1, r.Offset(), r.Tail())
		}
	}
	samePayloads(t, got, want)
}

func TestReaderNoticesReplacement(t *testing.T) {
	want := payloads(4)
	for name, replace := range map[string]func(t *testing.T, j *Journal, path string){
		"compacted": func(t *testing.T, j *Journal, path string) {
			if err := j.Compact([]byte("all")); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, j, want[0])
		},
		"removed": func(t *testing.T, j *Journal, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"taken back": func(t *testing.T, j *Journal, path string) {
			if err := os.Truncate(path, 3); err != nil {
				t.Fatal(err)
			}
		},
		"taken back and written over": func(t *testing.T, j *Journal, path string) {
			content := written(t, [][]byte{want[0], []byte("a payload of another size than what was there, and more"), want[1], want[2], want[3]})
			if err := os.WriteFile(path, content, 0o640); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			j, _ := mustOpen(t, path, Options{})
			mustAppend(t, j, want...)
			r := mustReader(t, path)
			for range 3 {
				if _, err := r.Next(); err != nil {
					t.Fatal(err)
				}
			}
			r.scan.forget()
			replace(t, j, path)
			got, err := drain(r)
			if !errors.Is(err, ErrReplaced) {
				t.Errorf("got %q, then %v", got, err)
			}
			if name == "compacted" {
				samePayloads(t, got, want[3:])
				got, err = drain(mustReader(t, path))
				samePayloads(t, got, [][]byte{[]byte("all"), want[0]})
				if err != io.EOF {
					t.Error(err)
				}
			}
		})
	}
}

func TestReaderSaysDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	want := payloads(4)
	content := written(t, want)
	bad := len(content)/4 + 20
	content[bad] ^= 1
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	r := mustReader(t, path)
	got, err := drain(r)
	samePayloads(t, got, want[:1])
	for range 2 {
		var d *Damaged
		if !errors.As(err, &d) || d.Offset != int64(len(content)/4) {
			t.Fatalf("got %v", err)
		}
		_, err = r.Next()
	}
	content[bad] ^= 1
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	got, err = drain(r)
	samePayloads(t, got, want[1:])
	if err != io.EOF {
		t.Error(err)
	}
}

// TestReadersBesideAWriter lets readers read while one goroutine appends,
// compacts, and takes failed appends back: every reader sees only whole
// journals, and never damage.
func TestReadersBesideAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := mustOpen(t, path, Options{})
	mustAppend(t, j, fmt.Appendf(nil, "%08d from", 0))
	done := make(chan struct{})
	results := make(chan error)
	const readers = 3
	for range readers {
		go func() { results <- follow(path, done) }()
	}
	for i := 1; i < soak(3000); i++ {
		var err error
		switch {
		case i%97 == 0:
			err = j.Compact(fmt.Appendf(nil, "%08d from", i))
		case i%31 == 0: // a short append, and what it leaves
			half := written(t, [][]byte{bytes.Repeat([]byte("torn"), i%5000)})
			if _, err = j.file.WriteAt(half[:len(half)/2], j.size); err == nil {
				err = j.takeBack()
			}
			if err == nil {
				err = j.Append(Ordinary, fmt.Appendf(nil, "%08d", i))
			}
		default:
			err = j.Append(Ordinary, append(fmt.Appendf(nil, "%08d", i), bytes.Repeat([]byte{0}, i*7%9000)...))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	for range readers {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// follow reads until done is closed and all is read. The numbers of a journal
// have no gap after the first.
func follow(path string, done <-chan struct{}) error {
	for {
		r, err := NewReader(path)
		if err != nil {
			return err
		}
		last := -1
		for over := false; err == nil || err == io.EOF && !over; {
			select {
			case <-done:
				over = true
			default:
			}
			var p []byte
			for p, err = r.Next(); err == nil; p, err = r.Next() {
				var n int
				if _, err := fmt.Sscanf(string(p[:8]), "%d", &n); err != nil {
					return err
				}
				if last < 0 != bytes.HasSuffix(p, []byte("from")) || last >= 0 && n != last+1 {
					return fmt.Errorf("%d after %d", n, last)
				}
				last = n
			}
		}
		if err := r.Close(); err != nil {
			return err
		}
		if !errors.Is(err, ErrReplaced) {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}
