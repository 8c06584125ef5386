package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/task"
)

// tasksAtRandom makes tasks that have no problems.
func tasksAtRandom() *rapid.Generator[task.Task] {
	return rapid.Custom(func(t *rapid.T) task.Task {
		made := task.DefaultTask()
		made.Name = names().Draw(t, "task name")
		made.MaxFailures = rapid.IntRange(0, 9).Draw(t, "max failures")
		made.MaxConcurrency = rapid.IntRange(0, 9).Draw(t, "max concurrency")
		made.FinalizationWait = spans(0).Draw(t, "wait")
		made.NoNewPrivs = rapid.Bool().Draw(t, "no new privs")
		made.User = rapid.SampledFrom([]string{"", "nobody", "{{x}}"}).Draw(t, "user")
		made.Resources = amounts().Draw(t, "resources")
		made.OOM = rapid.SampledFrom(task.OOMs).Draw(t, "oom")
		made.DiskAction = rapid.SampledFrom(task.DiskActions).Draw(t, "disk action")
		made.Attributes = attributes().Draw(t, "attributes")
		made.Isolation = isolationsAtRandom().Draw(t, "isolation")
		for _, name := range rapid.SliceOfNDistinct(names(), 1, 6, rapid.ID).Draw(t, "names") {
			p := processAtRandom(t, name)
			p.Resources = shares(made.Limits()).Draw(t, "resources")
			made.Processes = append(made.Processes, p)
		}
		healthAtRandom(t, &made)
		for range rapid.IntRange(0, 5).Draw(t, "edges") {
			if edgeAtRandom(t, &made); len(made.Validate()) > 0 {
				t.Fatalf("a task without problems was wanted: %v", made.Validate())
			}
		}
		return made
	})
}

func names() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-zA-Z0-9_ é漢&{}"'\\:#-][a-zA-Z0-9_. é漢&{}"'\\:#-]{0,12}`)
}

func spans(least int64) *rapid.Generator[task.Duration] {
	return rapid.Map(rapid.Int64Range(least, 1<<50), func(n int64) task.Duration { return task.Duration(n) })
}

func texts() *rapid.Generator[string] {
	return rapid.StringOf(rapid.SampledFrom([]rune("ab{{}}&.[]:#-'\"\\ \t\n\r\u0085\u2028é漢😀|>*!%@`,?~<=\x01\x7f")))
}

func processAtRandom(t *rapid.T, name string) task.Process {
	p := task.DefaultProcess()
	p.Name = name
	if rapid.Bool().Draw(t, "shell") {
		p.Cmdline = "x" + texts().Draw(t, "cmdline")
	} else {
		p.Argv = append([]string{"x"}, rapid.SliceOfN(texts(), 0, 3).Draw(t, "argv")...)
	}
	p.MaxFailures = rapid.IntRange(0, 9).Draw(t, "max failures")
	p.Daemon, p.Leave = rapid.Bool().Draw(t, "daemon"), rapid.Bool().Draw(t, "leave")
	p.Ephemeral, p.Final = rapid.Bool().Draw(t, "ephemeral"), rapid.Bool().Draw(t, "final")
	p.MinDuration, p.ReadyTimeout = spans(1).Draw(t, "min duration"), spans(1).Draw(t, "ready timeout")
	p.StopTimeout = spans(0).Draw(t, "stop timeout")
	if rapid.Bool().Draw(t, "backoff") {
		p.Backoff = &task.Backoff{Max: p.MinDuration + spans(0).Draw(t, "max"), Reset: spans(1).Draw(t, "reset")}
	}
	p.Logger.Destination = rapid.SampledFrom(task.Destinations).Draw(t, "destination")
	p.Logger.Mode = rapid.SampledFrom(task.LogModes).Draw(t, "mode")
	p.Logger.Rotate = task.Rotate{LogSize: task.Size(rapid.Int64Range(1, 1<<60).Draw(t, "log size")), Backups: rapid.IntRange(1, 9).Draw(t, "backups")}
	if env := rapid.MapOfN(rapid.StringMatching(`[A-Za-z_. é]{1,6}`), texts(), 0, 3).Draw(t, "env"); len(env) > 0 {
		p.Env = env
	}
	p.Attributes = attributes().Draw(t, "attributes")
	p.StopSignal = rapid.SampledFrom([]task.Signal{"TERM", "INT", "RTMIN", "RTMIN+3"}).Draw(t, "signal")
	p.StopTo = rapid.SampledFrom(task.StopTos).Draw(t, "stop to")
	return p
}

// edgeAtRandom adds an edge from an earlier process to a later one, if it may
// be there.
func edgeAtRandom(t *rapid.T, made *task.Task) {
	to := rapid.IntRange(0, len(made.Processes)-1).Draw(t, "to")
	from := rapid.IntRange(0, to).Draw(t, "from")
	before, after := &made.Processes[from], &made.Processes[to]
	edge := task.Edge{Process: before.Name, When: rapid.SampledFrom(task.Whens).Draw(t, "when")}
	if edge.CanBeLost() {
		edge.OnLost = rapid.SampledFrom(task.OnLosts).Draw(t, "on lost")
	}
	if edge.When == task.WhenHealthy && (len(before.Checks) == 0 || slices.ContainsFunc(before.Checks, func(c task.Check) bool { return c.MinConsecutiveSuccesses > 1 })) {
		return
	}
	if from == to || before.Final != after.Final || before.Ephemeral && !after.Ephemeral || before.Daemon && (edge.When == task.WhenSuccess || edge.When == task.WhenExit) {
		return
	}
	if edge.When == task.WhenSuccess && rapid.Bool().Draw(t, "as an order") {
		made.Constraints = append(made.Constraints, task.Constraint{Order: []string{before.Name, after.Name}})
		return
	}
	if slices.ContainsFunc(after.After, func(e task.Edge) bool { return e.Process == edge.Process && e.When == edge.When }) {
		return // twice would be to be lost in two ways
	}
	after.After = append(after.After, edge)
}

// escaped writes a task as a file: what looks like a template is text there.
func escaped(t task.Task) string {
	data, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		panic(err)
	}
	var walk func(any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case string:
			return task.Escape(v)
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		case map[string]any:
			for key := range v {
				v[key] = walk(v[key])
			}
		}
		return v
	}
	if data, err = json.MarshalIndent(walk(value), "", "  "); err != nil {
		panic(err)
	}
	return string(data)
}

// A task that is written and read again is the same, by every way there is.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := tasksAtRandom().Draw(t, "task")
		data, err := task.Launch{ID: "x", Task: want}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		launch, err := task.ReadLaunch(data)
		if diff := cmp.Diff(want, launch.Task); err != nil || diff != "" {
			t.Errorf("task.json: %v\n%s", err, diff)
		}
		if lines := task.Diff(want, launch.Task); lines != nil {
			t.Errorf("task.Diff finds %q where there is nothing", lines)
		}
		f, err := Parse("x.json", []byte(escaped(want)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.Bind(nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, c.Entries[0].Task); diff != "" {
			t.Errorf("the file: %s", diff)
		}
	})
}

// JSON is YAML: our reader and the library see the same tree. What the library
// is known to see otherwise is kept out: a text may not contain a carriage
// return or one of the two other ends of a line of old.
func TestJSONIsYAML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := escaped(tasksAtRandom().Draw(t, "task"))
		fromJSON, errs, ok := fromJSON(text)
		if !ok || len(errs) > 0 {
			t.Fatalf("not JSON: %v", errs)
		}
		fromYAML, errs := fromYAML(text)
		if len(errs) > 0 {
			t.Fatalf("not YAML: %v", errs)
		}
		if err := sameTree(fromJSON, fromYAML); err != "" {
			t.Errorf("%s in\n%s", err, text)
		}
	})
}

func sameTree(a, b *node) string {
	if a.kind != b.kind || a.text != b.text || len(a.items) != len(b.items) || len(a.fields) != len(b.fields) {
		return "a tree differs: " + task.Quote(a.text) + " and " + task.Quote(b.text)
	}
	if a.at.line != b.at.line { // the library is sometimes off by a few columns in JSON
		return fmt.Sprintf("a place differs at %q: %v and %v", a.text, a.at, b.at)
	}
	for i := range a.items {
		if err := sameTree(a.items[i], b.items[i]); err != "" {
			return err
		}
	}
	for i, f := range a.fields {
		if f.key != b.fields[i].key || f.at.line != b.fields[i].at.line {
			return "a field differs: " + f.key + " and " + b.fields[i].key
		}
		if err := sameTree(f.value, b.fields[i].value); err != "" {
			return err
		}
	}
	return ""
}

// otherWays are fields of the file that lead to others of the types: Aurora's
// words, and one check for the list of them.
var otherWays = map[string][]string{
	"task":           {"health_check_config"},
	"process":        {"check"},
	"job":            {"health_check_config", "lifecycle"},
	"http-lifecycle": {"graceful_shutdown_wait_secs", "shutdown_wait_secs"},
}

// Every field of the types is in the table, and the table has no other.
func TestTableAndTypes(t *testing.T) {
	for title, typ := range map[string]reflect.Type{
		"task": reflect.TypeFor[task.Task](), "process": reflect.TypeFor[task.Process](), "job": reflect.TypeFor[task.Job](),
		"constraint": reflect.TypeFor[task.Constraint](), "edge": reflect.TypeFor[task.Edge](), "backoff": reflect.TypeFor[task.Backoff](),
		"resources": reflect.TypeFor[task.Resources](), "io": reflect.TypeFor[task.IO](), "limit": reflect.TypeFor[task.Rlimit](),
		"limit-in-bytes": reflect.TypeFor[task.Rlimit](), "isolation": reflect.TypeFor[task.Isolation](), "volume": reflect.TypeFor[task.Volume](),
		"logger": reflect.TypeFor[task.Logger](), "rotation": reflect.TypeFor[task.Rotate](),
		"check": reflect.TypeFor[task.Check](), "http-check": reflect.TypeFor[task.HTTPCheck](), "call": reflect.TypeFor[task.HTTPCheck](),
		"tls": reflect.TypeFor[task.TLS](), "tcp-check": reflect.TypeFor[task.TCPCheck](), "grpc-check": reflect.TypeFor[task.GRPCCheck](),
		"file-check": reflect.TypeFor[task.FileCheck](), "notify-check": reflect.TypeFor[task.NotifyCheck](),
		"lifecycle": reflect.TypeFor[task.Lifecycle](), "http-lifecycle": reflect.TypeFor[task.HTTPLifecycle](), "pre-stop": reflect.TypeFor[task.PreStop](),
	} {
		properties := schemaOf(t)["$defs"].(map[string]any)[title].(map[string]any)["properties"].(map[string]any)
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous {
				continue
			}
			if properties[name] == nil {
				t.Errorf("%s.%s cannot be written in a file", title, name)
			}
			delete(properties, name)
		}
		for _, name := range otherWays[title] {
			if properties[name] == nil {
				t.Errorf("%s.%s cannot be written in a file", title, name)
			}
			delete(properties, name)
		}
		for name := range properties {
			t.Errorf("%s.%s of the file leads nowhere", title, name)
		}
	}
}
