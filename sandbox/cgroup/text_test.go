package cgroup

import (
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The kernel's literal text.
const (
	cpuStat = "usage_usec 1523\nuser_usec 500\nsystem_usec 1023\nnice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods 7\nnr_throttled 3\nthrottled_usec 1200\nnr_bursts 0\nburst_usec 0\n"
	ioStat  = "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n259:0 rbytes=1 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n7:0 \n"
	blkText = "254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 0\n254:0 Async 12288\n254:0 Discard 0\n254:0 Total 12288\n259:0 Read 1\n259:0 Write 1\nTotal 12290\n"
	psiText = "some avg10=12.34 avg60=0.20 avg300=0.05 total=149271\nfull avg10=0.07 avg60=0.17 avg300=0.03 total=138311\n"
)

func TestNumber(t *testing.T) {
	for text, want := range map[string]int64{
		"0\n": 0, "42\n": 42, "max\n": -1, "-1\n": -1, "9223372036854771712\n": -1, "18446744073709551615": -1, "67108864": 67108864,
	} {
		if got, ok := number([]byte(text)); !ok || got != want {
			t.Errorf("%q: %d, %v; not %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "\n", "x", "1x", "-2", "1 2", strings.Repeat("9", 30)} {
		if got, ok := number([]byte(text)); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestGauges(t *testing.T) {
	u := nothing
	learnCPU(&u, []byte(cpuStat))
	learnIO(&u, []byte(ioStat))
	want := nothing
	want.CPU, want.User, want.System, want.Throttled = 1523*time.Microsecond, 500*time.Microsecond, 1023*time.Microsecond, 1200*time.Microsecond
	want.Periods, want.Hits, want.IORead, want.IOWrite = 7, 3, 4097, 8193
	if u != want {
		t.Errorf("v2:\n%+v\n%+v", u, want)
	}
	u = nothing
	learnUser(&u, []byte("500000\n"))
	learnSystem(&u, []byte("1023000\n"))
	learnThrottle(&u, []byte("nr_periods 7\nnr_throttled 3\nthrottled_time 1200000\n"))
	u.CPU = 1523 * time.Microsecond
	learnBlkio(&u, []byte(blkText))
	if u != want {
		t.Errorf("v1:\n%+v\n%+v", u, want)
	}
	if got := pressure([]byte(psiText)); got != (Pressure{12.34, 0.07}) {
		t.Errorf("pressure: %+v", got)
	}
	if got := waited([]byte(psiText)); got != 149271 {
		t.Errorf("waited: %d", got)
	}
	// cpu.stat of a group without the cpu controller has no periods.
	u = nothing
	learnCPU(&u, []byte("usage_usec 1\nuser_usec 1\nsystem_usec 0\n"))
	if u.Periods != -1 || u.Throttled != -1 || u.CPU != time.Microsecond {
		t.Errorf("without the controller: %+v", u)
	}
}

func TestEventsAndCounts(t *testing.T) {
	if got := parseEvents([]byte("populated 1\nfrozen 0\n")); got != (state{populated: true}) {
		t.Errorf("%+v", got)
	}
	if got := flat([]byte("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), "oom_kill"); got != 5 {
		t.Errorf("oom_kill: %d", got)
	}
	if got := flat([]byte("low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 0\n"), "oom"); got != 1 {
		t.Errorf("oom: %d", got)
	}
	if got := pids(nil, []byte("12\n34567\n0\n")); !reflect.DeepEqual(got, []int{12, 34567, 0}) {
		t.Errorf("%v", got)
	}
}

const mountinfo = `23 28 0:22 / /proc rw,nosuid - proc proc rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:32 /docker/abc /mnt/my\040groups/memory rw master:3 - cgroup cgroup rw,memory
34 31 0:32 / /elsewhere/memory rw - cgroup cgroup rw,memory
35 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
36 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
`

func TestMounts(t *testing.T) {
	want := []hierarchy{
		{controllers: []string{"cpu", "cpuacct"}, mount: "/sys/fs/cgroup/cpu,cpuacct", root: "/"},
		{controllers: []string{"memory"}, mount: "/elsewhere/memory", root: "/"},
		{controllers: []string{"name=systemd"}, mount: "/sys/fs/cgroup/systemd", root: "/"},
		{unified: true, mount: "/sys/fs/cgroup/unified", root: "/"},
	}
	if got := parseMounts(mountinfo); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	own := parseOwn("12:cpu,cpuacct:/a:b\n4:memory:/user.slice/x y\n1:name=systemd:/\n0::/user.slice\n")
	if !reflect.DeepEqual(own, map[string]string{"cpu": "/a:b", "cpuacct": "/a:b", "memory": "/user.slice/x y", "name=systemd": "/", "": "/user.slice"}) {
		t.Errorf("%v", own)
	}
}

func TestWhereOurGroupIs(t *testing.T) {
	for _, one := range []struct{ root, own, want string }{
		{"/", "/", "/m"},
		{"/", "/a/b", "/m/a/b"},
		{"/docker/abc", "/docker/abc", "/m"},
		{"/docker/abc", "/docker/abc/x", "/m/x"},
		{"/docker/abc", "/docker/abcd", ""},
		{"/docker/abc", "/", ""},
		{"/", "/../../x", ""},
		{"/..", "/", ""},
		{"/", "/a (deleted)", ""},
	} {
		got, why := hierarchy{mount: "/m", root: one.root}.dir(one.own)
		if got != one.want || (got == "") != (why != "") {
			t.Errorf("%+v: %q, %q", one, got, why)
		}
	}
}

func TestConversions(t *testing.T) {
	for cores, want := range map[float64][4]int64{
		1:      {1024, 100, 100000, 100000},
		0.5:    {512, 50, 50000, 100000},
		2.5:    {2560, 250, 250000, 100000},
		0.0001: {2, 1, 1000, 1000000},
		0.01:   {10, 1, 1000, 100000},
		1000:   {262144, 10000, 100000000, 100000},
	} {
		q, p := quota(cores)
		if got := [4]int64{shares(cores), weight(cores), q, p}; got != want {
			t.Errorf("%v cores: %v, not %v", cores, got, want)
		}
	}
}

// Two names never have one group, and every name has one that the kernel takes.
func TestLeafIsInjectiveAndLegal(t *testing.T) {
	name := rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.SampledFrom([]rune("%/2F-\np")), 1, 200, 200),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 200), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.IntRange(60, 200), func(n int) string { return strings.Repeat("%", n) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		if len(a) > 200 {
			t.Skip()
		}
		got := leaf(a)
		if len(got) > 255 || strings.ContainsAny(got, "/\n\x00") || path.Base(got) != got || !strings.HasPrefix(got, "p-") {
			t.Fatalf("%q is %q", a, got)
		}
		if a != b && leaf(b) == got {
			t.Fatalf("%q and %q are both %q", a, b, got)
		}
	})
	if got := leaf(strings.Repeat("日", 66) + "ab"); got != "p-"+strings.Repeat("日", 66)+"ab" {
		t.Errorf("a legal name is changed: %q", got)
	}
}

func TestPlace(t *testing.T) {
	h := Host{Mode: Hybrid, Boot: "b", Own: map[string]string{"": "/u/own", "memory": "/m", "pids": "/p", "freezer": "/f", "devices": "/d"}}
	a, err := h.Place("/var/lib/dewar/tasks/a")
	if err != nil {
		t.Fatal(err)
	}
	name := path.Base(a.Unified)
	want := Place{Mode: Hybrid, Unified: "/u/own/" + name, V1: map[string]string{"memory": "/m/" + name, "pids": "/p/" + name}, Boot: "b"}
	if !reflect.DeepEqual(a, want) || !isTop(name) || len(name) != 22 {
		t.Errorf("%+v", a)
	}
	if b, _ := h.Place("/other/tasks/a"); b.Unified == a.Unified {
		t.Error("one task of two roots has one group")
	}
	if _, err := (Host{Mode: None, Why: "it is so"}).Place("x"); err == nil || !strings.Contains(err.Error(), "because it is so") {
		t.Errorf("no groups: %v", err)
	}
}

// A brain stands in its own task's ctl/, and the next task's groups do not go
// there.
func TestOwnGroupOfABrain(t *testing.T) {
	dir := t.TempDir()
	if _, why := (hierarchy{mount: dir, root: "/"}).usable("/"); !strings.Contains(why, "is no control group") {
		t.Errorf("a directory: %q", why)
	}
	if err := os.WriteFile(dir+"/cgroup.procs", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h := hierarchy{mount: dir, root: "/", controllers: []string{"memory"}}
	if got, why := h.usable("/" + top("x") + "/ctl"); got != dir || why != "" {
		t.Errorf("%q, %q", got, why)
	}
	if got, _ := h.usable("/other/ctl"); got != "" {
		t.Errorf("%q", got)
	}
	for at, want := range map[string]bool{
		"/": false, "/" + top("x") + "/ctl": false, "/a/" + top("x") + "/task/p-web": true,
		"/a/" + top("x") + "/task/p-web/" + top("y") + "/ctl": true, "/dewar-x/task/p-web": false,
	} {
		if got := inTask(map[string]string{"memory": "/", "": at}); got != want {
			t.Errorf("in a task at %s: %v", at, got)
		}
	}
}
