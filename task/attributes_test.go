package task

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAttributes(t *testing.T) {
	var made Task
	var p Process
	outcome := func(nice, score int, umask Umask) {
		t.Helper()
		if made.NiceOf(p) != nice || made.OOMScoreAdjOf(p) != score || made.UmaskOf(p) != umask {
			t.Errorf("%d, %d, %s; want %d, %d, %s", made.NiceOf(p), made.OOMScoreAdjOf(p), made.UmaskOf(p), nice, score, umask)
		}
	}
	outcome(0, 100, 0o022)
	five, none, mask, open := 5, 0, Umask(0o077), Umask(0)
	made.Attributes = Attributes{Nice: &five, OOMScoreAdj: &five, Umask: &mask}
	outcome(5, 5, 0o077)
	p.Attributes = Attributes{Nice: &none, OOMScoreAdj: &none, Umask: &open}
	outcome(0, 0, 0)
}

func TestRlimitsOf(t *testing.T) {
	made := Task{Attributes: Attributes{Rlimits: map[string]Rlimit{"core": {1, 1}, "cpu": {2, 2}}}}
	p := Process{Attributes: Attributes{Rlimits: map[string]Rlimit{"cpu": {3, 4}, "nproc": {5, 5}}}}
	want := DefaultRlimits()
	want["core"], want["cpu"], want["nproc"] = Rlimit{1, 1}, Rlimit{3, 4}, Rlimit{5, 5}
	if diff := cmp.Diff(want, made.RlimitsOf(p)); diff != "" {
		t.Error(diff)
	}
	if len(made.Rlimits) != 2 || len(p.Rlimits) != 2 {
		t.Error("RlimitsOf has changed what it was called on")
	}
}

func TestDefaultRlimits(t *testing.T) {
	v := &validation{Task: &Task{}}
	v.attributes(nil, &Attributes{Rlimits: DefaultRlimits()})
	if v.found != nil {
		t.Error(v.found)
	}
	if len(DefaultRlimits()) != len(RlimitNames)-2 {
		t.Error("all but nproc and sigpending have a default")
	}
}

func TestParseRlimit(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       uint64
	}{
		{"nofile", "0", 0}, {"nofile", "1024", 1024}, {"nofile", "1e3", 1000}, {"nofile", "unlimited", Unlimited},
		{"rttime", "18446744073709551614", Unlimited - 1}, {"core", "8MB", 8 << 20}, {"core", "1.5KB", 1536},
	} {
		if got, err := ParseRlimit(c.name, c.text); err != nil || got != c.want {
			t.Errorf("ParseRlimit(%s, %q) = %d, %v; want %d", c.name, c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", "-1", "1.5", "8MB", "infinity", "1e30", "18446744073709551616", "NaN"} {
		if got, err := ParseRlimit("nofile", text); err == nil {
			t.Errorf("ParseRlimit(nofile, %q) = %d", text, got)
		}
	}
}

func TestRlimitJSON(t *testing.T) {
	for text, want := range map[string]Rlimit{
		`5`: {5, 5}, `"unlimited"`: {Unlimited, Unlimited}, `{"soft":0,"hard":"unlimited"}`: {0, Unlimited},
		`{"soft":9223372036854775809,"hard":18446744073709551614}`: {1<<63 + 1, Unlimited - 1},
	} {
		var got Rlimit
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
		data, err := json.Marshal(want)
		if err != nil || strings.HasPrefix(text, "{") && string(data) != text {
			t.Errorf("%v is written as %s, %v; want %s", want, data, err, text)
		}
	}
	for _, text := range []string{`-1`, `"much"`, `[1]`, `true`, `{"soft":-1,"hard":1}`} {
		if json.Unmarshal([]byte(text), new(Rlimit)) == nil {
			t.Errorf("%s is taken for a limit", text)
		}
	}
}

func TestUmask(t *testing.T) {
	for text, want := range map[string]string{"0": "0000", "22": "0022", "027": "0027", "0027": "0027", "0o777": "0777", "000077": "0077"} {
		if got, err := ParseUmask(text); err != nil || got.String() != want {
			t.Errorf("ParseUmask(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "8", "1000", "-1", "0x1f", "u=rwx", "0o"} {
		if got, err := ParseUmask(text); err == nil {
			t.Errorf("ParseUmask(%q) = %s", text, got)
		}
	}
}

func TestIsolation(t *testing.T) {
	var none, given *Isolation
	if err := json.Unmarshal([]byte(`{"tmp": "private", "new": 1}`), &given); err != nil {
		t.Fatal(err)
	}
	want := DefaultIsolation()
	want.Tmp = Private
	if diff := cmp.Diff(&want, given); diff != "" {
		t.Error(diff)
	}
	if none.Walled() || !given.Walled() {
		t.Error("walls are there if they are asked for")
	}
	if !slices.Equal(given.CapabilitiesOf(true), DefaultCapabilities) || given.CapabilitiesOf(false) != nil {
		t.Error("without a list root has the default capabilities, and nobody else has any")
	}
	given.Capabilities = []string{}
	if len(given.CapabilitiesOf(true)) > 0 {
		t.Error("an empty list leaves root none")
	}
	for _, name := range DefaultCapabilities {
		if !slices.Contains(Capabilities, name) {
			t.Errorf("there is no %s", name)
		}
	}
	if len(Capabilities) != 41 {
		t.Errorf("Linux 5.9 has 41 capabilities, not %d", len(Capabilities))
	}
}

// What a file cannot say, task.json cannot either.
func TestValidateLimits(t *testing.T) {
	for _, c := range []struct {
		change func(*Task)
		want   string
	}{
		{func(t *Task) { t.OOM = "" }, `oom: oom is "", not`},
		{func(t *Task) { t.DiskAction = "" }, `disk_action: disk_action is ""`},
		{func(t *Task) { t.Resources = &Resources{CPUHard: -2} }, "resources.cpu_hard: cpu_hard is -2"},
		{func(t *Task) { t.Resources = &Resources{CPUHard: HardAsCPU} }, "resources.cpu_hard: cpu_hard: true means"},
		{func(t *Task) { t.Rlimits = map[string]Rlimit{"nofiles": {}} }, `rlimits.nofiles: there is no resource limit "nofiles"; did you mean "nofile"?`},
		{func(t *Task) { u := Umask(0o1000); t.Umask = &u }, "umask: umask is 1000"},
		{func(t *Task) { t.Isolation = &Isolation{} }, `isolation.pid: pid is "", not host or private`},
		{func(t *Task) { t.Processes[0].Resources = &Resources{Pids: 4097} }, "processes[0].resources.pids: pids of the process is 4097, more than the task's 4096"},
	} {
		made := DefaultTask()
		made.Name, made.Processes = "x", named("a")
		if c.change(&made); made.Validate().Err() == nil || !strings.Contains(made.Validate().Err().Error(), c.want) {
			t.Errorf("%v; want %s", made.Validate().Err(), c.want)
		}
	}
}

func TestDiffOfLimits(t *testing.T) {
	a, b := launched().Task, launched().Task
	nice, isolation := 5, DefaultIsolation()
	b.Resources = &Resources{RAM: 1 << 20}
	b.Processes[0].Nice = &nice
	b.Isolation = &isolation
	b.Rlimits = map[string]Rlimit{"core": {0, Unlimited}}
	want := []string{
		`isolation: nothing → {"ipc":"host","network":"host","pid":"host","seccomp":"default","shm":"host","tmp":"host","uts":"hos…`,
		`processes[a].nice: nothing → 5`,
		`resources: nothing → {"ram":1048576}`,
		`rlimits: nothing → {"core":{"hard":"unlimited","soft":0}}`,
	}
	if diff := cmp.Diff(want, Diff(a, b)); diff != "" {
		t.Error(diff)
	}
}
