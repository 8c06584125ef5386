package cgroup

import (
	"errors"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"
)

// says is what a limit's file has to say, on v1 and on v2.
type says struct{ controller, v1, wantV1, v2, wantV2 string }

func (want says) check(t *testing.T, g Group) {
	t.Helper()
	file, value := path.Join(g.unified(), want.v2), want.wantV2
	if dir := g.v1(want.controller); dir != "" {
		file, value = path.Join(dir, want.v1), want.wantV1
	}
	got, err := readFile(file)
	if err != nil || got != value {
		t.Errorf("%s says %q (%v), not %q", file, got, err, value)
	}
}

func limited(t *testing.T, g Group, l Limits) {
	t.Helper()
	not, err := g.Limit(l)
	if err != nil {
		t.Fatal(err)
	}
	if len(not) > 0 {
		t.Logf("not applied: %v", not)
	}
}

// needController skips where a limit has nowhere to be written.
func needController(t *testing.T, word string) {
	t.Helper()
	if fact := host(t).Controllers[word]; !fact.Usable {
		t.Skipf("needs: the %s controller: %s", word, fact.Why)
	}
}

func TestLimitWritesWhatDiffersAndTakesBack(t *testing.T) {
	for _, word := range []string{"cpu", "memory", "pids"} {
		needController(t, word)
	}
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	none := int64(0)
	l := Limits{CPU: 0.5, CPUHard: 1.5, RAM: 64<<20 + 1, RAMSoft: 32 << 20, Swap: &none, Pids: 50,
		Defaults: map[What]bool{Swap: true, Pids: true}}
	for range 2 {
		limited(t, g, l)
	}
	for _, want := range []says{
		{"cpu", "cpu.shares", "512", "cpu.weight", "50"},
		{"cpu", "cpu.cfs_quota_us", "150000", "cpu.max", "150000 100000"},
		{"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"},
		{"memory", "memory.soft_limit_in_bytes", "33554432", "memory.high", "33554432"},
		{"pids", "pids.max", "50", "pids.max", "50"},
	} {
		want.check(t, g)
	}
	for _, ram := range []int64{128 << 20, 16 << 20, 256 << 20} { // with memsw, up and down
		l.RAM = ram
		l.RAMSoft = 0
		limited(t, g, l)
		says{"memory", "memory.limit_in_bytes", itoa(ram), "memory.max", itoa(ram)}.check(t, g)
	}
	l.CPUHard = 0.005
	limited(t, g, l)
	says{"cpu", "cpu.cfs_quota_us", "5000", "cpu.max", "5000 1000000"}.check(t, g)
	limited(t, g, Limits{})
	for _, want := range []says{
		{"cpu", "cpu.shares", "1024", "cpu.weight", "100"},
		{"cpu", "cpu.cfs_quota_us", "-1", "cpu.max", "max 1000000"},
		{"memory", "memory.limit_in_bytes", "9223372036854771712", "memory.max", "max"},
		{"pids", "pids.max", "max", "pids.max", "max"},
	} {
		want.check(t, g)
	}
}

func TestCPUSet(t *testing.T) {
	needController(t, "cpuset")
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	before := len(entries(g))
	limited(t, g, Limits{CPUSet: "0"})
	says{"cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"}.check(t, g)
	if host(t).Controllers["cpuset"].Where == V1 && len(entries(g)) != before+1 {
		t.Errorf("the exec step is not told to enter the cpuset: %v", entries(g))
	}
	s := start(t, g, "sleep")
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
	limited(t, g, Limits{})

	_, err := g.Limit(Limits{CPUSet: "4000"})
	if err == nil || !strings.Contains(err.Error(), "4000") || !strings.Contains(err.Error(), "cpuset.cpus") {
		t.Errorf("a CPU that is not there: %v", err)
	}
}

func entries(g Group) []string {
	unified, v1 := g.Entry()
	if unified != "" {
		v1 = append(v1, unified)
	}
	return v1
}

// A limit that the kernel refuses is an error with file, value and errno; one
// that it does not have is one if somebody asked for it.
func TestLimitThatIsRefused(t *testing.T) {
	needController(t, "cpu")
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	if host(t).Controllers["cpu"].Where == V1 {
		limited(t, tr.Task(), Limits{CPUHard: 1})
		_, err := g.Limit(Limits{CPUHard: 2})
		if !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), `write "200000" into `+g.v1("cpu")+"/cpu.cfs_quota_us: invalid argument") {
			t.Errorf("more than the group above: %v", err)
		}
	}
	_, err := g.Limit(Limits{IORead: 1 << 20, IOPath: "/proc"})
	if err == nil || !strings.Contains(err.Error(), "/proc") {
		t.Errorf("bytes/s of what is on no disk: %v", err)
	}
	if _, err := tr.Process("other").Limit(Limits{Pids: 1, Defaults: map[What]bool{Pids: true}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("limit of a group that is not there: %v", err)
	}
	if _, err := g.Limit(Limits{RAM: -1}); err == nil {
		t.Error("a negative limit was taken")
	}
}

func TestLimitBelowUse(t *testing.T) {
	needController(t, "memory")
	needController(t, "pids")
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	none := int64(0)
	limited(t, g, Limits{RAM: 256 << 20, Swap: &none, Defaults: map[What]bool{Swap: true}})
	s := start(t, g, "eat 67108864")
	var below *BelowUse
	_, err := g.Limit(Limits{RAM: 16 << 20, Swap: &none, Defaults: map[What]bool{Swap: true}})
	if !errors.As(err, &below) || below.What != RAM || below.Used < 64<<20 || below.Asked != 16<<20 {
		t.Errorf("16 MB where 64 are used: %v", err)
	}
	t.Log(err)
	if _, err = g.Limit(Limits{RAM: 256 << 20, Pids: 1, Swap: &none, Defaults: map[What]bool{Swap: true}}); !errors.As(err, &below) || below.What != Pids {
		t.Errorf("one thread where there are some: %v", err)
	}
	if counts, err := g.OOM(); err != nil || counts.Kills > 0 {
		t.Errorf("the limit killed: %+v, %v", counts, err)
	}
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
}

// The pids limit holds against a bomb, and what is in a group's usage is so.
func TestPidsLimitHolds(t *testing.T) {
	needController(t, "pids")
	tr := tree(t)
	g := tr.Process("bomb")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	limited(t, g, Limits{Pids: 40})
	s := start(t, g, "bomb")
	for end := time.Now().Add(20 * time.Second); ; {
		u, err := g.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if u.Pids > 40 || u.PidsLimit != 40 {
			t.Fatalf("usage: %+v", u)
		}
		if u.Pids == 40 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the bomb has %d of 40", u.Pids)
		}
	}
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
}
