package task

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewID(t *testing.T) {
	now := time.Date(2026, 1, 31, 23, 59, 58, 0, time.UTC)
	for name, want := range map[string]string{
		"web":                    "web-20260131-235958-",
		"a b/ü":                  "a-b---20260131-235958-",
		".hidden":                "hidden-20260131-235958-",
		"--":                     "task-20260131-235958-",
		"漢字":                     "task-20260131-235958-",
		strings.Repeat("x", 200): strings.Repeat("x", 99) + "-20260131-235958-",
	} {
		id := NewID(name, now, 123456789)
		if !strings.HasPrefix(id, want) || len(id) != len(want)+4 || CheckID(id) != nil {
			t.Errorf("NewID(%q) = %q, %v; want %s????", name, id, CheckID(id), want)
		}
	}
	if NewID("a", now, 1) == NewID("a", now, 2) {
		t.Error("two ids are the same")
	}
}

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "A.b_c-9", "9", "_x", strings.Repeat("x", 120)} {
		if err := CheckID(id); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"", ".", "..", ".x", "-x", "a/b", "a b", "ü", "a\x00", "a+b", strings.Repeat("x", 121)} {
		if CheckID(id) == nil {
			t.Errorf("%q may be an id", id)
		}
	}
}

func launched() Launch {
	l := Launch{ID: "x-1", Task: DefaultTask(), Ports: map[string]int{"http": 8080}, Bindings: map[string]string{"env": "prod"}, Hostname: "host", Instance: 2}
	l.Task.Name, l.Task.Processes = "x", named("a", "b")
	return l
}

func TestReadLaunch(t *testing.T) {
	want := launched()
	want.BaseEnv = map[string]string{"A": "<&>"}
	want.Path, want.Lang, want.TZ = "/opt/bin", "C.UTF-8", "Asia/Tokyo"
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want.Version = LaunchVersion
	got, err := ReadLaunch(data)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for n := range len(data) - 1 { // torn anywhere
		if _, err := ReadLaunch(data[:n]); err == nil {
			t.Fatalf("the first %d bytes of %d are taken for the whole", n, len(data))
		}
	}
}

func TestReadLaunchOfOtherVersions(t *testing.T) {
	newer := `{"version": 1, "id": "x", "new": {"a": [1]}, "task": {"new": true, "processes": [{"name": "a", "cmdline": "x", "new": 1, "logger": {"new": 2, "mode": "rotate"}, "after": [], "backoff": {"max": "1m"}}]}}`
	l, err := ReadLaunch([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultTask()
	want.Name, want.Processes = "a", named("a")
	p := &want.Processes[0]
	p.Cmdline, p.Logger.Mode, p.Backoff, p.After = "x", LogRotate, &Backoff{Duration(time.Minute), Duration(time.Minute)}, []Edge{}
	if diff := cmp.Diff(want, l.Task); diff != "" {
		t.Error(diff)
	}
}

func TestReadLaunchRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "there is nothing in it (0 bytes)",
		" \n":                        "there is nothing in it",
		strings.Repeat("\x00", 9):    "there is nothing in it (9 bytes)",
		"{":                          "unexpected end of JSON input at byte 1",
		"garbage":                    "invalid character 'g'",
		"[]":                         "cannot unmarshal array",
		"null":                       "version 0",
		"{}":                         "its format is version 0, and this program knows only 1",
		`{"version": 2}`:             "its format is version 2",
		`{"version": 1}`:             "it has no field task",
		`{"version": 1, "task": {}}`: "the task id is empty",
		`{"version": 1, "id": "../x", "task": {}}`: "the task id",
		`{"version": 1, "id": "x", "task": {}}`:    "processes: the task has no process",
		`{"version": 1, "id": "x", "task": 5}`:     "cannot unmarshal number",
		`{"version": 1, "id": "x", "task": {"processes": [{"name": "a", "cmdline": "x"}], "constraints": [{"order": ["a", "b"]}]}}`: `constraints[0].order[1]: order names the process "b"`,
		`{"version": 1, "id": "x", "task": {"processes": [{"name": "a/b", "cmdline": "x"}]}}`:                                       "slash",
		`{"version": 1, "id": "x", "task": {"processes": [{"name": "a", "cmdline": "x", "stop_signal": "X"}]}}`:                     "no signal",
	} {
		_, err := ReadLaunch([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), "read the launched task: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadLaunch(%.80q): %v; want %q", text, err, want)
		}
	}
}

func FuzzReadLaunch(f *testing.F) {
	data, err := launched().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1,"id":"x","task":{"processes":[{"name":"a","argv":["x"]}]}}`))
	f.Add([]byte(`{"version":1,"id":"x","ports":{"health":1},"task":{"check":{"http":{"headers":{"A":"b"},"tls":{"ca":"/x"}},"interval":"1ns"},"lifecycle":{"http":{}},"processes":[{"name":"a","argv":["x"],"checks":[{"role":"startup","shell":"x","min_consecutive_successes":3},{"notify":{}}],"pre_stop":{"argv":["x"]}},{"name":"b","cmdline":"x","after":[{"process":"a","when":"healthy","on_lost":"stop"}]}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ReadLaunch(data)
		if err != nil {
			return
		}
		for _, c := range l.Task.AllChecks() {
			if d := c.Detection(); d.Running <= 0 || d.Start <= 0 || d.Starved <= 0 {
				t.Errorf("a check that may be launched sees a hang after %+v", d)
			}
		}
		again, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if l2, err := ReadLaunch(again); err != nil || Diff(l.Task, l2.Task) != nil {
			t.Errorf("%v, %v", err, Diff(l.Task, l2.Task))
		}
	})
}

func TestEncodeRefusesWhatJSONCannotCarry(t *testing.T) {
	l := launched()
	l.BaseEnv = map[string]string{"OLD": "\xe9t\xe9"}
	if _, err := l.Encode(); err == nil || !strings.Contains(err.Error(), `"OLD" of the caller is not UTF-8`) {
		t.Error(err)
	}
}

func TestBindingsOfALaunch(t *testing.T) {
	l := launched()
	want := Bindings{"env": "prod", "thermos.ports[http]": "8080", "thermos.task_id": "x-1", "mesos.instance": "2", "mesos.hostname": "host"}
	if diff := cmp.Diff(want, l.All()); diff != "" {
		t.Error(diff)
	}
}

func TestDiff(t *testing.T) {
	a, b := launched().Task, launched().Task
	if lines := Diff(a, b); lines != nil {
		t.Errorf("%q", lines)
	}
	b.Processes = named("b", "c", "a")
	b.MaxFailures = 3
	b.FinalizationWait = 0
	b.Constraints = []Constraint{{Order: []string{"a", "b"}}}
	b.Processes[0].Cmdline = strings.Repeat("x", 50) + strings.Repeat("é", 100)
	b.Processes[2].Cmdline = "echo <&>"
	b.Processes[2].Logger.Rotate.Backups = 1
	b.Processes[2].Env = map[string]string{"A": "1"}
	want := []string{
		`constraints: nothing → [{"order":["a","b"]}]`,
		`finalization_wait: "30s" → "0s"`,
		`max_failures: 1 → 3`,
		`order of processes: ["a","b"] → ["b","c","a"]`,
		`processes[a].cmdline: "true" → "echo <&>"`,
		`processes[a].env: nothing → {"A":"1"}`,
		`processes[a].logger.rotate.backups: 5 → 1`,
		`processes[b].cmdline: "true" → "` + strings.Repeat("x", 50) + strings.Repeat("é", 24) + "…",
		`processes[c]: nothing → {"cmdline":"true","logger":{"destination":"file","mode":"standard","rotate":{"backups":5,"log_size":…`,
	}
	if diff := cmp.Diff(want, Diff(a, b)); diff != "" {
		t.Error(diff)
	}
}

func TestProblems(t *testing.T) {
	made := DefaultTask()
	made.Name, made.Processes = "x/y", named("a")
	made.Processes[0].Env = map[string]string{"A": "\x00"}
	err := made.Validate().Err()
	if err == nil || err.Error() != "name: the task's name \"x/y\" contains a slash: it becomes the name of one directory\nprocesses[0].env.A: the environment variable \"A\" contains a NUL character, which no command can be given" {
		t.Error(err)
	}
	if Problems(nil).Err() != nil {
		t.Error("no problem is an error")
	}
}

func BenchmarkReadLaunch10000(b *testing.B) {
	l := launched()
	l.Task.Processes = nil
	for i := range 10_000 {
		p := named("p" + string(rune('a'+i%26)) + time.Duration(i).String())[0]
		l.Task.Processes = append(l.Task.Processes, p)
	}
	data, err := l.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		if _, err := ReadLaunch(data); err != nil {
			b.Fatal(err)
		}
	}
}
