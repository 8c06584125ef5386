package disk

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

func TestCandidates(t *testing.T) {
	seen := map[uint32]string{}
	for _, task := range []string{"", "web", "web2", "0b5b5d4e-36c9-4c63-9e3c-3f1f6f2d6a6e"} {
		ids := slices.Collect(candidates(task))
		if len(ids) != tries || !slices.Equal(ids, slices.Collect(candidates(task))) {
			t.Fatalf("task %q: %d candidates, want %d, the same each time", task, len(ids), tries)
		}
		for i, id := range ids {
			if id < 0x40000000 || id > 0x4fffffff {
				t.Fatalf("task %q: project %#x is not one of ours", task, id)
			}
			if i > 0 && id != ids[i-1]+1 && id != firstID {
				t.Fatalf("task %q: %#x follows %#x", task, id, ids[i-1])
			}
		}
		if other, taken := seen[ids[0]]; taken {
			t.Errorf("tasks %q and %q begin alike", task, other)
		}
		seen[ids[0]] = task
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		bytes, block int64
		want         uint64
	}{
		{-1, 4096, 0}, {0, 4096, 0}, {4095, 4096, 0}, {4096, 4096, 4}, {10_000, 4096, 8}, {1 << 30, 4096, 1 << 20},
		{1024, 512, 1}, {2047, 1024, 1}, {1023, 512, 0}, {math.MaxInt64, 65536, math.MaxInt64 / 65536 * 64},
	} {
		got, err := units(c.bytes, c.block)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%d bytes in blocks of %d are %d units, want %d: %v", c.bytes, c.block, got, c.want, err)
		}
	}
}

func TestQuotaIsRecorded(t *testing.T) {
	text, err := json.Marshal(Quota{0x40000001, "/var/lib"})
	if want := `{"id":1073741825,"mount":"/var/lib"}`; err != nil || string(text) != want {
		t.Fatalf("%s, %v, want %s", text, err, want)
	}
}
