package soak

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		soak              string
		check, full, want int
	}{
		{"", 5, 500, 5},
		{"100", 5, 500, 500},
		{"1", 5, 500, 5},
		{"1", 5, 20, 1},
		{"1000", 5, 500, 5000},
	} {
		t.Setenv("DEWAR_SOAK", c.soak)
		if got := Times(t, c.check, c.full); got != c.want {
			t.Errorf("DEWAR_SOAK=%q: Times(%d, %d) = %d, want %d", c.soak, c.check, c.full, got, c.want)
		}
	}
}

func TestNote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	t.Setenv("DEWAR_SOAK_RESULTS", path)
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
	if want := (Result{"TestNote/inner", "a blow", 7, "nothing", 0, false}); r != want {
		t.Fatalf("noted %+v, want %+v", r, want)
	}
}
