package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// soak is how many times n repetitions are done: DEWAR_SOAK times as many.
func soak(n int) int {
	if k, err := strconv.Atoi(os.Getenv("DEWAR_SOAK")); err == nil && k > 0 {
		return n * k
	}
	return n
}

// replayed opens the journal at path and returns it with copies of its payloads.
func replayed(t testing.TB, path string, o Options) (*Journal, [][]byte, error) {
	t.Helper()
	var got [][]byte
	j, err := Open(path, o, func(p []byte) error {
		got = append(got, bytes.Clone(p))
		return nil
	})
	if j != nil {
		t.Cleanup(func() { j.file.Close() })
	}
	return j, got, err
}

func mustOpen(t testing.TB, path string, o Options) (*Journal, [][]byte) {
	t.Helper()
	j, got, err := replayed(t, path, o)
	if err != nil {
		t.Fatal(err)
	}
	return j, got
}

func mustAppend(t testing.TB, j *Journal, payloads ...[]byte) {
	t.Helper()
	if err := j.Append(Ordinary, payloads...); err != nil {
		t.Fatal(err)
	}
}

// payloads are n payloads that look like a task's records.
func payloads(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = fmt.Appendf(nil, `{"type":"forking","seq":%d,"wall":1763800000000000000,"boot":86400000000000,"process":"web","run":%d}`, i+1, i)
	}
	return all
}

// written is the content of a journal that holds these payloads.
func written(t testing.TB, payloads [][]byte) []byte {
	t.Helper()
	frames, err := frame(nil, payloads)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

func samePayloads(t testing.TB, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d payloads, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("payload %d is %.80q, want %.80q", i, got[i], want[i])
		}
	}
}

func TestAppendsAreReplayedInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, got := mustOpen(t, path, Options{Sync: true})
	samePayloads(t, got, nil)
	want := payloads(9)
	mustAppend(t, j, want[:1]...)
	mustAppend(t, j)
	mustAppend(t, j, want[1:4]...)
	if err := j.Append(Reserve, want[4:]...); err != nil {
		t.Fatal(err)
	}
	if j.Records() != 9 || j.Size() != int64(len(written(t, want))) {
		t.Errorf("%d records of %d bytes", j.Records(), j.Size())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, got = mustOpen(t, path, Options{})
	samePayloads(t, got, want)
	if j.Records() != 9 || j.Size() != int64(len(written(t, want))) || j.Cut() != nil {
		t.Errorf("reopened: %d records of %d bytes, cut %v", j.Records(), j.Size(), j.Cut())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o640 || info.Size() != j.Size() {
		t.Errorf("the file is %v, %d bytes, %v", info.Mode(), info.Size(), err)
	}
}

func TestPayloadsOfEverySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := mustOpen(t, path, Options{})
	var want [][]byte
	for _, n := range []int{1, 7, 8, 9, 4095, 4096, bufferSize - FrameSize, bufferSize, bufferSize + 1, 3 * bufferSize, MaxPayload, 1} {
		want = append(want, bytes.Repeat([]byte{byte(n + 1)}, n))
		mustAppend(t, j, want[len(want)-1])
	}
	for _, n := range []int{0, MaxPayload + 1} {
		size := j.Size()
		err := j.Append(Ordinary, []byte("x"), make([]byte, n))
		if err == nil || !strings.Contains(err.Error(), strconv.Itoa(n)) || j.Size() != size {
			t.Errorf("a payload of %d bytes: %v, size %d was %d", n, err, j.Size(), size)
		}
	}
	_, got := mustOpen(t, path, Options{})
	samePayloads(t, got, want)
	r, err := NewReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err = drain(r)
	if err != io.EOF {
		t.Error(err)
	}
	samePayloads(t, got, want)
}

func TestRefusedPayloadLeavesTheFileAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	content := append(written(t, payloads(3)), "torn"...)
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("not mine")
	n := 0
	_, err := Open(path, Options{}, func([]byte) error {
		if n++; n == 2 {
			return cause
		}
		return nil
	})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "record 1") {
		t.Errorf("got %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Errorf("the file has changed: %v", err)
	}
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"link":      func(p string) error { return os.Symlink(other, p) },
		"dangling":  func(p string) error { return os.Symlink(filepath.Join(dir, "none"), p) },
		"fifo":      func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"directory": func(p string) error { return os.Mkdir(p, 0o700) },
	} {
		path := filepath.Join(dir, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Open of a %s: %v", name, err)
		}
		if _, err := NewReader(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("NewReader of a %s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dangling link was followed: %v", err)
	}
	if _, err := NewReader(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("NewReader of nothing: %v", err)
	}
}

func TestFailedAppendIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := mustOpen(t, path, Options{})
	want := payloads(3)
	mustAppend(t, j, want[0])
	writable := j.file
	readonly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer readonly.Close()
	j.file = readonly
	// Neither the append nor its taking back can work.
	if err := j.Append(Reserve, want[1]); err == nil || !strings.Contains(err.Error(), "append to journal") {
		t.Errorf("append to a read-only file: %v", err)
	}
	if !j.torn {
		t.Error("the journal trusts its tail")
	}
	j.file = writable
	if _, err := writable.WriteAt([]byte("what a short append leaves"), j.size); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, want[1])
	if info, err := os.Stat(path); err != nil || info.Size() != j.Size() {
		t.Errorf("%d bytes, want %d: %v", info.Size(), j.Size(), err)
	}
	_, got := mustOpen(t, path, Options{})
	samePayloads(t, got, want[:2])
}
