package disk

import (
	"testing"
	"time"
)

func TestLinksAreCountedOnce(t *testing.T) {
	var sum tally
	n := node{id: fileID{1, 7}, links: 3, bytes: 4096, kind: regular}
	for range 3 {
		sum.add(n)
	}
	n.id.dev = 2 // the same number on another file system
	sum.add(n)
	sum.add(node{id: fileID{1, 8}, links: 9, bytes: 4096, kind: directory}) // a directory's links are no names
	sum.add(node{id: fileID{1, 8}, links: 9, bytes: 4096, kind: directory})
	if sum.bytes != 4*4096 || sum.files != 4 {
		t.Fatalf("counted %d bytes in %d files, want %d in 4", sum.bytes, sum.files, 4*4096)
	}
}

func TestManyLinksAreCountedInBoundedMemory(t *testing.T) {
	var sum tally
	const files = maxLinked + 1000
	for range 2 {
		for i := range files {
			sum.add(node{id: fileID{1, uint64(i)}, links: 2, bytes: 8192, kind: regular})
		}
	}
	if len(sum.linked) > maxLinked {
		t.Fatalf("%d files are remembered, want %d at most", len(sum.linked), maxLinked)
	}
	if want := int64(files * 8192); sum.bytes != want {
		t.Fatalf("counted %d bytes, want %d", sum.bytes, want)
	}
}

func TestOver(t *testing.T) {
	for _, c := range []struct {
		bytes, limit int64
		want         bool
	}{{10, 0, false}, {10, 10, false}, {11, 10, true}, {9, 10, false}} {
		if got := (Usage{Bytes: c.bytes}).Over(c.limit); got != c.want {
			t.Errorf("%d bytes of %d allowed: over is %v", c.bytes, c.limit, got)
		}
	}
}

func TestPace(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		cpu, elapsed time.Duration
		confirm      bool
		want         time.Duration
	}{
		{0, 0, false, period},
		{ms, ms, false, period - ms},                      // a small tree
		{ms, ms, true, 159 * ms},                          // over: looked at again at once, within the share
		{50 * ms, 60 * ms, false, 7940 * ms},              // walked in one go
		{5 * time.Second, 800 * time.Second, false, 0},    // it has slept on its way
		{5 * time.Second, 800 * time.Second, true, 0},     //
		{5 * time.Second, 900 * time.Second, true, 0},     // it has waited for a disk
		{5 * time.Second, 760 * time.Second, true, 40e9},  //
		{5 * time.Second, 760 * time.Second, false, 40e9}, //
		{25 * ms, 0, false, period},                       // the dearest walk that the period pays for
		{25 * ms, 3 * ms, false, 3997e6},                  //
		{30 * ms, period + time.Second, false, 0},         //
	} {
		if got := rest(c.cpu, c.elapsed, c.confirm); got != c.want {
			t.Errorf("rest after %v of CPU in %v, confirm %v: %v, want %v", c.cpu, c.elapsed, c.confirm, got, c.want)
		}
	}
}

// A tree of which a walk costs 16 ms, some 5,000 files, is found to be over its
// limit in 10 s.
func TestPaceFindsAnOverrunInTime(t *testing.T) {
	for cpu := time.Duration(0); cpu <= 16*time.Millisecond; cpu += time.Millisecond {
		walk := max(cpu, owed(cpu-slice, 0)) // the last slice is not slept for
		// At worst it goes over just after the walk has passed by.
		late := walk + rest(cpu, walk, false) + walk + rest(cpu, walk, true) + walk
		if late > 10*time.Second {
			t.Errorf("a tree whose walk costs %v is told %v after it went over its limit", cpu, late)
		}
	}
}
