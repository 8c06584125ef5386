package shim

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// The bytes of version 1: what reads them must go on doing so.
func TestWatchdogGolden(t *testing.T) {
	const golden = "version=1\x00at=00000001234567890123\x00again=00000001234567890123\x00end=1\x00"
	if got := string(appendWatchdog(nil, 1234567890123)); got != golden {
		t.Errorf("%q", got)
	}
	dir := t.TempDir()
	if at, err := ReadWatchdog(dir); at != 0 || err != nil {
		t.Errorf("before it: %d, %v", at, err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, WatchdogName), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write(golden)
	if at, err := ReadWatchdog(dir); at != 1234567890123 || err != nil {
		t.Errorf("%d, %v", at, err)
	}
	write("version=2" + golden[len("version=1"):])
	if at, err := ReadWatchdog(dir); err == nil {
		t.Errorf("of another version: %d", at)
	}
}

// TestWatchdogTorn: at whatever byte the old ends and the new begins, and
// whichever of them comes first, what is read is one of them or refused.
func TestWatchdogTorn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Range(1, 1<<62).Draw(t, "a"), rapid.Int64Range(1, 1<<62).Draw(t, "b")
		old, new := appendWatchdog(nil, a), appendWatchdog(nil, b)
		at := rapid.IntRange(0, len(old)).Draw(t, "at")
		got, err := decodeWatchdog(append(old[:at:at], new[at:]...))
		if err == nil && got != a && got != b || err != nil && !errors.Is(err, errTorn) {
			t.Fatalf("%d, %v", got, err)
		}
	})
}
