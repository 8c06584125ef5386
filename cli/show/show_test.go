package show

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                   "0s",
		0:                              "0s",
		3456 * time.Microsecond:        "3ms",
		1999 * time.Millisecond:        "1.9s",
		2 * time.Second:                "2s",
		59*time.Second + 999999999:     "59s",
		61 * time.Second:               "1m01s",
		5*time.Hour + 7*time.Minute:    "5h07m",
		12*24*time.Hour + 4*time.Hour:  "12d04h",
		400*24*time.Hour + time.Minute: "400d00h",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%v) is %q, want %q", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KB", 3565158: "3.4 MB", 1 << 50: "1024.0 TB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestLastLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"one\ntwo\n\n":          "two",
		"50%\r60%\r":            "60%",
		"\x1b[31mred\x1b[0m\n":  "·[31mred·[0m",
		"tab\there, ünïcödé 日本": "tab here, ünïcödé 日本",
	} {
		if got := LastLine(text); got != want {
			t.Errorf("LastLine(%q) is %q, want %q", text, got, want)
		}
	}
}

func seconds(s int64) machine.Instant { return machine.Instant{Boot: s * 1e9, Wall: s * 1e9} }

func TestTeller(t *testing.T) {
	web0, web1 := task.RunID{Process: "web"}, task.RunID{Process: "web", Run: 1}
	three := 3
	records := []struct {
		at int64
		r  machine.Record
	}{
		{1, machine.Created{ID: "t"}},
		{1, machine.TakenUp{Pid: 10, Version: "v1"}},
		{2, machine.Forking{RunID: web0}},
		{3, machine.Started{RunID: web0, Pid: 100, At: seconds(2)}},
		{4, machine.Ready{RunID: web0}},
		{5, machine.SignalAsked{RunID: web0, Signal: "HUP", By: "uid 0 (root)"}},
		{9, machine.Ended{RunID: web0, State: machine.RunFailed, Exit: &three, At: seconds(9), Tail: "a\nno \x1bmemory\n", Left: 2}},
		{9, machine.TakenUp{Pid: 11, Version: "v1"}},
		{9, machine.Started{RunID: web1, Pid: 101}},
		{10, machine.KillAsked{Grace: task.Duration(time.Minute), By: "uid 0 (root)", Reason: "upgrade"}},
		{10, machine.Cleaning{Result: machine.Killed, Reason: "it was asked to end"}},
		{10, machine.Stopping{RunID: web1, Cause: machine.CauseKill, Signal: "TERM"}},
		{11, machine.Killing{RunID: web1, Cause: machine.CauseTimeout}},
		{11, machine.Ended{RunID: web1, State: machine.RunKilled, Signal: 9, Core: true, At: seconds(11)}},
		{12, machine.Finalizing{}},
		{12, machine.Unknown{Type: "new"}},
		{12, machine.Finished{State: machine.Killed, Reason: "it was asked to end"}},
	}
	const want = `web/0 started, pid 100
web/0 ready
web/0: signal HUP asked for by uid 0 (root)
web/0 FAILED, exit status 3, after 7s, 2 descendants left | no ·memory
taken up again by a new brain, pid 11
web/1 started, pid 101
kill asked for by uid 0 (root), grace 1m00s: upgrade
task cleaning, will be KILLED: it was asked to end
web/1 stopping with TERM: the task was asked to end
web/1 killing: it outlived stop_timeout
web/1 KILLED, signal 9 (KILL), core dumped, after 2s
task finalizing
task KILLED: it was asked to end
`
	var quiet, verbose strings.Builder
	q, v := &Teller{}, &Teller{Verbose: true}
	for _, r := range records {
		if line, ok := q.Line(seconds(r.at), r.r); ok {
			quiet.WriteString(line + "\n")
		}
		if line, ok := v.Line(seconds(r.at), r.r); ok {
			verbose.WriteString(line + "\n")
		}
	}
	if diff := cmp.Diff(want, quiet.String()); diff != "" {
		t.Errorf("the lines (-want +got):\n%s", diff)
	}
	if n := strings.Count(verbose.String(), "\n"); n != len(records) {
		t.Errorf("verbose tells %d of %d records:\n%s", n, len(records), verbose.String())
	}
}

func graph() task.Task {
	return task.Task{
		Name: `say "hi"`,
		Processes: []task.Process{
			{Name: "migrate"},
			{Name: "web", Daemon: true, After: []task.Edge{{Process: "db", When: task.WhenReady}}},
			{Name: "db"},
			{Name: "load", Ephemeral: true},
			{Name: `back\slash`, Final: true},
		},
		Constraints: []task.Constraint{{Order: []string{"migrate", "web"}}, {Order: []string{"migrate", "web"}}},
	}
}

func TestDot(t *testing.T) {
	const want = `digraph "say \"hi\"" {
	rankdir=LR;
	node [shape=box, fontname="sans-serif"];
	"migrate" [fillcolor="palegreen", label="migrate\nSUCCESS", style="filled"];
	"web" [label="web\ndaemon", peripheries="2"];
	"db" [label="db"];
	"load" [label="load\nephemeral", style="dashed"];
	subgraph cluster_final {
		label="finalizers";
		style=dashed;
		"back\\slash" [label="back\\slash"];
	}
	"migrate" -> "web";
	"db" -> "web" [label="ready", style=dashed];
}
`
	got := Dot(graph(), map[string]string{"migrate": "SUCCESS"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the graph (-want +got):\n%s", diff)
	}
	dot, err := exec.LookPath("dot")
	if err != nil {
		return // the text is what counts; dot, where there is one, agrees that it is a graph
	}
	cmd := exec.Command(dot, "-Tcanon")
	cmd.Stdin, cmd.Stderr = strings.NewReader(got), os.Stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("dot refuses it: %v", err)
	}
}
