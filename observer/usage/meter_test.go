package usage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox/cgroup"
)

func metered(t *testing.T, m *Meter, v *observer.View) Sample {
	t.Helper()
	s, err := m.Read(v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A Meter says what Read says, however often it has been read; limits at the
// latest some samples later, or at once when it was closed.
func TestMeter(t *testing.T) {
	v, tree := grouped(t)
	m := &Meter{}
	defer closed(t, m)
	first := metered(t, m, v)
	once, err := Read(v)
	if err != nil {
		t.Fatal(err)
	}
	calm := func(r Reading) cgroup.Usage { // without what grows
		return cgroup.Usage{MemoryLimit: r.MemoryLimit, Pids: r.Pids, PidsLimit: r.PidsLimit, Swap: r.Swap, Periods: r.Periods, Hits: r.Hits}
	}
	if diff := cmp.Diff(calm(once.Task), calm(first.Task)); diff != "" {
		t.Errorf("the task, with Read (-) and a Meter (+):\n%s", diff)
	}
	if diff := cmp.Diff(calm(once.Processes[0].Reading), calm(first.Processes[0].Reading)); diff != "" {
		t.Errorf("the process, with Read (-) and a Meter (+):\n%s", diff)
	}
	later := metered(t, m, v)
	for end := time.Now().Add(20 * time.Second); later.Processes[0].CPU < first.Processes[0].CPU+50*time.Millisecond; later = metered(t, m, v) {
		if time.Now().After(end) {
			t.Fatalf("nothing is used: %+v, %+v", first, later)
		}
	}
	if _, err := tree.Task().Limit(cgroup.Limits{RAM: 1 << 30, Pids: 78}); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		later = metered(t, m, v)
	}
	if later.Task.PidsLimit != 78 {
		t.Errorf("a changed limit is read as %d after eight samples", later.Task.PidsLimit)
	}
	if _, err := tree.Task().Limit(cgroup.Limits{RAM: 1 << 30, Pids: 79}); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if now := metered(t, m, v); now.Task.PidsLimit != 79 {
		t.Errorf("a changed limit is read as %d by a Meter that was closed", now.Task.PidsLimit)
	}
}

// Groups go and are made anew: between two runs, and below a Meter that is kept.
func TestMeterOfGroupsThatGo(t *testing.T) {
	v, tree := grouped(t)
	m := &Meter{}
	defer closed(t, m)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	metered(t, m, v)
	leaf := tree.Process("web")
	if err := errors.Join(leaf.Kill(ctx), leaf.Remove(ctx)); err != nil {
		t.Fatal(err)
	}
	if s := metered(t, m, v); len(s.Processes) != 0 {
		t.Errorf("without the leaf: %+v", s.Processes)
	}
	if err := leaf.Make(); err != nil {
		t.Fatal(err)
	}
	if s := metered(t, m, v); len(s.Processes) != 1 {
		t.Errorf("with the leaf made anew: %+v", s.Processes)
	}
	if err := tree.Remove(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Read(v); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without groups: %v", err)
	}
	if m.open() != 0 {
		t.Error("files of groups that are no more are kept open")
	}
}

func closed(t *testing.T, m *Meter) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.Contains(to, "/task/") {
			t.Errorf("%s is still open", to)
		}
	}
}
