package machine

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

func num(n int) *int { return &n }

// examples has every type of record, with every field in use.
func examples() []Record {
	id := task.RunID{Process: "web ✓", Run: 3}
	run := Run{
		Run: 3, State: RunFailed, Pid: 4, Start: 5, Forked: Instant{1, 2}, Started: Instant{3, 4}, Ready: Instant{5, 6}, Ended: Instant{7, 8},
		Exit: num(0), Signal: 9, Core: true, Reason: "r", Rusage: Rusage{1, 2, 3}, Tail: "a\nb", Left: 2,
		Stop: &Stopped{CauseKill, "TERM", 12, Instant{1, 1}}, Kill: CauseTimeout, Signals: []Sent{{"HUP", 3}},
		LeftStop: &Stopped{CauseCleanup, "INT", 13, Instant{2, 2}}, LeftKill: CauseNextRun,
		PreStop: &Parting{CauseStop, 12, Instant{3, 3}, true, "no"},
		OOM:     &OOM{LevelProcess, 1, 2, 3}, Stood: 5,
		Thinned:  &Thinning{OOM{LevelTask, 1, 2, 3}, Instant{6, 7}},
		Evidence: []Evidence{{"oom", "no", Instant{8, 9}}},
	}
	procs := []SnapshotProcess{{
		Name: "web ✓", Runs: 4, Failures: 1, Over: OverFailed, HeldBy: "me", Again: true, Floor: 5, Delay: 6, Started: true, OldBoot: true,
		History: []Run{run},
	}}
	return []Record{
		Created{ID: "t-1", Name: "t", Format: 1},
		TakenUp{Pid: 7, Version: "v0", BootID: "b0"},
		Forking{id},
		Started{RunID: id, Pid: 12, Start: 99, At: Instant{Boot: 1, Wall: 2}},
		Ready{id},
		Stopping{RunID: id, Cause: CauseNotReady, Signal: "TERM", By: 77},
		Killing{RunID: id, Cause: CauseTimeout},
		Ended{RunID: id, State: RunFailed, Exit: num(0), Signal: 9, Core: true, Reason: `exec "x": no`, At: Instant{1, -2}, Rusage: Rusage{1, 2, 3}, Tail: "a\n\tb\r\x01\\", Left: 2, OOM: &OOM{LevelTask, 1, 2, 3}},
		Ended{RunID: id, State: RunFailed, Signal: 9, OOM: &OOM{Limit: LevelMachine, Kills: 1}},
		ResizeAsked{Process: "web", Limits: task.Resources{CPU: 1.5, RAM: 7}, By: "me"},
		PauseAsked{"me"},
		UnpauseAsked{"me"},
		OverDisk{1, 2},
		Denied{"no room"},
		Unkillable{[]Undead{{1, "dd", "D", "io_schedule"}}},
		Thinned{id, OOM{LevelTask, 1, 2, 3}},
		Calling{GracefulShutdown, 5, 6},
		Called{Shutdown, true, "was answered 200"},
		Called{Step: GracefulShutdown, Said: "x"},
		Parted{},
		PreStopping{id, CauseRestart, 7},
		PreStopped{id, "no"},
		PreStopped{RunID: id},
		Thinned{id, OOM{Limit: LevelMachine, Kills: 1}},
		Ended{RunID: id, State: RunSuccess},
		Emptied{id},
		Answered{CheckID{"web", "live"}, 3, judge.State{Verdict: judge.Unhealthy, Attempts: 1, Successes: 2, Failures: 3, Doubts: 4, Since: 5}, "it failed",
			[]Answer{{Instant{1, 2}, judge.Fail, "connect", "refused", "<b>", 7, 8}, {At: Instant{3, 4}, Outcome: judge.OK}}},
		Answered{CheckID: CheckID{Check: "health"}, Answers: []Answer{{Outcome: judge.OK}}},
		Snoozed{"web", "live", Instant{1, 2}, "me", "why"},
		Snoozed{By: "me"},
		Unsnoozed{"web", "live", "me"},
		Unsnoozed{},
		Gathered{id, "stop-timeout", "the disk is full"},
		Gathered{RunID: id, For: "oom"},
		KillAsked{Grace: 61e9, Lose: true, By: "uid 0", Reason: "x"},
		KillAsked{},
		RestartAsked{"web", "me"},
		StopAsked{"web", "me"},
		StartAsked{"web", "me"},
		SignalAsked{id, "HUP", "me"},
		SignalAsked{id, "RTMIN+2", "me"},
		Cleaning{Killed, "why", 9},
		Finalizing{},
		Clearing{},
		Cleared{},
		Finished{Success, "all"},
		Snapshot{Format: 1, At: Instant{1, 2}, Rest: 1, Procs: procs, Head: head{
			ID: "i", Name: "n", Records: 9, Stage: Active, Since: Instant{1, 1}, Created: Instant{2, 2},
			Brain: &Brain{TakenUp{1, "v", "b"}, Instant{3, 3}}, Kill: &AskedKill{KillAsked{Grace: 1, By: "x"}, Instant{4, 4}},
			Budget: 5, Result: Lost, Reason: "r", Clearing: true, Cleared: true, Swept: true,
			Pause: &AskedPause{PauseAsked{"me"}, Instant{5, 5}}, Resized: map[string]task.Resources{"": {RAM: 1}},
			Disk: &OverDisk{1, 2}, Starved: &id, Denied: "no", Undead: []Undead{{1, "dd", "D", "x"}},
			Calls: []LifecycleCall{{Calling{Shutdown, 1, 2}, Instant{6, 6}, "/x", true, true, "y"}}, Parted: true,
			Sick: &Sickness{CheckID{"web", "live"}, 3, "bad", Instant{7, 7}}, Snoozes: []Snooze{{Snoozed{By: "me"}, Instant{8, 8}}},
			Checks: []CheckState{{Name: "health", Judged: judge.State{Attempts: 1}, Since: Instant{9, 9}, Why: "w", Answers: []Answer{{Outcome: judge.OK}}, Counts: Answers{1, 2, 3, 4, 5, 6}}},
		}},
		SnapshotRest{procs},
		Unknown{"frozen"},
	}
}

func TestCodecRoundTrip(t *testing.T) {
	seen := make(map[string]bool)
	for i, r := range examples() {
		at := Instant{Boot: 1e12, Wall: 1753e15}
		payload := Encode(uint64(i), at, r)
		if !strings.HasPrefix(string(payload), `{"type":"`+TypeOf(r)+`","seq":`) {
			t.Errorf("%s does not begin with its type", payload)
		}
		got, err := Decode(payload)
		if err != nil {
			t.Fatalf("Decode(%s): %v", payload, err)
		}
		if diff := cmp.Diff(Entry{uint64(i), at, r}, got, cmp.AllowUnexported(Snapshot{}, head{})); diff != "" {
			t.Errorf("%s comes back otherwise (-want +got):\n%s", payload, diff)
		}
		seen[TypeOf(r)] = true
	}
	for name := range kinds {
		if !seen[name] {
			t.Errorf("no example of %q", name)
		}
	}
}

// The two readers must agree on every record that we write, and the quick one
// must be the one that reads it.
func TestCodecBothReaders(t *testing.T) {
	for i, r := range examples() {
		payload := Encode(uint64(i), Instant{1, 2}, r)
		slow, err := decodeAny(payload)
		if err != nil {
			t.Fatalf("decodeAny(%s): %v", payload, err)
		}
		quick, ok := decodeOurs(payload)
		if !ok {
			if s := string(payload); !strings.Contains(s, `\u00`) && !strings.Contains(s, "snapshot") && !strings.Contains(s, "resize") && !strings.Contains(s, "unkillable") && !strings.Contains(s, "answered") && !strings.Contains(s, "RTMIN") && !strings.Contains(s, "frozen") {
				t.Errorf("%s is not read quickly", payload)
			}
			continue
		}
		if !reflect.DeepEqual(slow, quick) {
			t.Errorf("%s is read as\n%#v and as\n%#v", payload, quick, slow)
		}
	}
}

// What is written must be what encoding/json would write, order apart: the
// struct tags are the documentation of the format.
func TestCodecFieldsAreTheTags(t *testing.T) {
	for i, r := range examples() {
		if _, ok := r.(Unknown); ok {
			continue
		}
		var ours, tags map[string]any
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &tags); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(Encode(uint64(i), Instant{}, r), &ours); err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"type", "seq", "wall", "boot"} {
			delete(ours, k)
		}
		if diff := cmp.Diff(tags, ours); diff != "" {
			t.Errorf("%T (-tags +ours):\n%s", r, diff)
		}
	}
}

func TestDecodeForeign(t *testing.T) {
	for _, c := range []struct{ payload, want string }{
		{`{"type":"forking","seq":1,"wall":2,"boot":3,"process":"a","run":4,"new":{"x":[1]}}`, ""},
		{` { "run":4, "process":"a","boot":3,"wall":2,"seq":1,"type":"forking"}`, ""},
		{`{"type":"","seq":1}`, "it has no type"},
		{`{"seq":1}`, "it has no type"},
		{`{"type":"forking"}`, "or no number"},
		{`{"type":"forking","seq":-1}`, "cannot unmarshal"},
		{`{"type":"forking","seq":1,"run":"x"}`, `read a record of type "forking"`},
		{`{"type":"forking","seq":1} x`, "invalid character"},
		{`[]`, "cannot unmarshal"},
		{``, "unexpected end"},
	} {
		e, err := Decode([]byte(c.payload))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("Decode(%s): %v", c.payload, err)
		case c.want == "" && !reflect.DeepEqual(e, Entry{1, Instant{3, 2}, Forking{task.RunID{Process: "a", Run: 4}}}):
			t.Errorf("Decode(%s) = %#v", c.payload, e)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("Decode(%s): %v, want %q", c.payload, err, c.want)
		}
	}
}

func TestEncodeMendsText(t *testing.T) {
	e, err := Decode(Encode(1, Instant{}, Forking{task.RunID{Process: "a\xff\u2028b"}}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := e.Record.(Forking).Process, "a\ufffd\u2028b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	for i, r := range examples() {
		f.Add(Encode(uint64(i), Instant{1, 2}, r))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := Decode(payload)
		if err != nil {
			return
		}
		if slow, err := decodeAny(payload); err != nil || !reflect.DeepEqual(e, slow) {
			t.Fatalf("%s is read as %#v and as %#v, %v", payload, e, slow, err)
		}
		switch r := e.Record.(type) {
		case Unknown, Snapshot, SnapshotRest: // the latter may have lists that are empty rather than absent
			return
		case Stopping:
			if r.Signal == "" { // absent, which is not legal
				return
			}
		case SignalAsked:
			if r.Signal == "" {
				return
			}
		}
		if e.Seq > 1<<62 {
			return
		}
		again, err := Decode(Encode(e.Seq, e.At, e.Record))
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%s comes back as %#v, %v; was %#v", payload, again, err, e)
		}
	})
}
