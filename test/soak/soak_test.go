package soak

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestTimes(t *testing.T) {
	for soak, want := range map[string]int{"": 5, "1": 5, "10": 50} {
		t.Setenv("DEWAR_SOAK", soak)
		if got := Times(t, 5); got != want {
			t.Errorf("DEWAR_SOAK=%q: Times(5) = %d, want %d", soak, got, want)
		}
	}
}

func TestPromised(t *testing.T) {
	for soak, want := range map[string]int{"": 4, "1": 20, "3": 60, "10": 200} {
		t.Setenv("DEWAR_SOAK", soak)
		if got := Promised(t, 4, 200); got != want {
			t.Errorf("DEWAR_SOAK=%q: Promised(4, 200) = %d, want %d", soak, got, want)
		}
	}
}

func TestNote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	t.Setenv("DEWAR_SOAK_RESULTS", path)
	t.Setenv("DEWAR_SOAK_WHERE", "a guest")
	t.Run("inner", func(t *testing.T) { Note(t, "a blow", 7, "nothing") })
	line, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	r.Seconds = 0
	if want := (Result{"TestNote/inner", "a guest", "a blow", 7, "nothing", 0, false}); r != want {
		t.Fatalf("noted %+v, want %+v", r, want)
	}
}
