package disk

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dewarhq/dewar/test/soak"
	"golang.org/x/sys/unix"
)

// crowd makes n empty files in one directory.
func crowd(t testing.TB, dir string, n int) {
	t.Helper()
	fd, err := unix.Open(dir, dirFlags, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for i := range n {
		if err := unix.Mknodat(fd, "file"+strconv.Itoa(i), unix.S_IFREG|0o600, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// processCPU is what this whole process has used.
func processCPU(t testing.TB) time.Duration {
	t.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// A million files cost less than 1 % of a core, and no memory. The walk and what
// it costs are real; in the bubble only its sleeps take no time. The process
// uses more than the walk, and a test's more than a brain: 3 % are let pass.
func TestCostOfManyFiles(t *testing.T) {
	files := 20_000
	if soak.Times(t, 1) > 1 {
		files = 1_000_000
	}
	dir := t.TempDir()
	crowd(t, dir, files)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var u Usage
	var used, took time.Duration
	synctest.Test(t, func(t *testing.T) {
		begun, from := time.Now(), processCPU(t)
		var err error
		u, err = Measure(t.Context(), dir)
		must(t, err)
		used, took = processCPU(t)-from, time.Since(begun)
	})
	runtime.ReadMemStats(&after)
	percent := 100 * used.Seconds() / took.Seconds()
	allocated := after.TotalAlloc - before.TotalAlloc
	saw := fmt.Sprintf("%.2f %% of a core while %d files are counted in %v; %d KB allocated", percent, files, took.Round(time.Second), allocated/1000)
	t.Log(saw)
	soak.Note(t, "count a directory of a million files", 1, saw)
	if u.Files != int64(files)+1 || u.Partial() {
		t.Errorf("want %d files: %+v", files+1, u)
	}
	if percent > 3 {
		t.Errorf("it used %.2f %% of a core, %v in %v", percent, used, took)
	}
	if allocated > 8<<20 {
		t.Errorf("it allocated %d bytes", allocated)
	}
}

// A slice is 2 ms, and ends before long wherever it is.
func TestSlicesAreShort(t *testing.T) {
	dir := t.TempDir()
	crowd(t, dir, 20_000)
	w := walk{begun: time.Now()}
	slices, last, most := 0, time.Duration(0), time.Duration(0)
	must(t, w.run(t.Context(), dir, func() error {
		slices++
		most = max(most, w.cpu-last)
		last = w.cpu
		return nil
	}))
	if slices < 2 || most > 20*slice {
		t.Errorf("%d slices, of which one took %v", slices, most)
	}
}

func BenchmarkWalk(b *testing.B) {
	dir := b.TempDir()
	const files = 10_000
	crowd(b, dir, files)
	b.ReportAllocs()
	for b.Loop() {
		w := walk{begun: time.Now()}
		if err := w.run(b.Context(), dir, func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/files, "ns/file")
}
