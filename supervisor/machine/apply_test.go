package machine

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// anything is a record that may make sense or not.
func anything(t *rapid.T) Record {
	name := one(t, "process", []string{"p0", "p1", "p2", "p3", "nosuch"})
	id := task.RunID{Process: name, Run: draw(t, "run", -1, 2)}
	cause := one(t, "cause", []Cause{CauseKill, CauseNotReady, CauseRestart, "", "x"})
	result := one(t, "result", []TaskState{Success, Failed, Killed, Lost, Active, ""})
	boot := int64(draw(t, "by", -2, 90)) * 1e9
	switch draw(t, "record", 0, 25) {
	case 0:
		return Created{Format: draw(t, "format", 0, 1)}
	case 1:
		return TakenUp{BootID: one(t, "boot", []string{"a", "b", ""})}
	case 2, 3:
		return Forking{id}
	case 4:
		return Started{RunID: id, At: Instant{Boot: boot}}
	case 5:
		return Ready{id}
	case 6:
		return Stopping{id, cause, one(t, "signal", []task.Signal{"TERM", "INT", "", "NONE"}), boot}
	case 7:
		return Killing{id, cause}
	case 8, 9:
		return Ended{RunID: id, State: one(t, "state", []RunState{RunSuccess, RunFailed, RunKilled, RunLost, Running, ""}),
			At: Instant{Boot: boot}, Left: draw(t, "left", -1, 2), Signal: draw(t, "signal", -1, 70)}
	case 10:
		return Emptied{id}
	case 11:
		return KillAsked{Grace: task.Duration(boot), Lose: rapid.Bool().Draw(t, "lose")}
	case 12:
		return RestartAsked{name, ""}
	case 13:
		return StopAsked{name, ""}
	case 14:
		return StartAsked{name, ""}
	case 15:
		return SignalAsked{id, "TERM", ""}
	case 16:
		return Cleaning{result, "", boot}
	case 17:
		return Finalizing{}
	case 18:
		return Clearing{}
	case 19:
		return Cleared{}
	case 20:
		return Thinned{id, OOM{Kills: 1}}
	case 21:
		return Finished{result, ""}
	case 22, 23, 24:
		return anyCheck(t, id, boot)
	}
	return Unknown{"x"}
}

// Records that make no sense are refused and change nothing; those that are
// taken lead to states of which everything can be asked.
func TestApplyAnything(t *testing.T) {
	taken := 0
	for range 2 * soak(t) {
		rapid.Check(t, func(t *rapid.T) {
			m := New(tasks(t))
			if err := m.Apply(Instant{Boot: 1}, Created{Format: 1}); err != nil {
				t.Fatal(err)
			}
			for range draw(t, "records", 5, 80) {
				before := m.State()
				at := Instant{Boot: int64(draw(t, "at", -1, 60)) * 1e9}
				decided := m.Decide(at)
				r := anything(t)
				if err := m.Apply(at, r); err == nil {
					taken++
				} else if diff := cmp.Diff(before, m.State()); diff != "" || !reflect.DeepEqual(decided, m.Decide(at)) {
					t.Fatalf("%#v is refused (%v), and yet:\n%s", r, err, diff)
				}
				askEverything(t, m, at)
			}
		})
	}
	if taken < 1000 {
		t.Errorf("only %d records made sense", taken)
	}
}

type fataler interface{ Fatalf(string, ...any) }

func askEverything(t fataler, m *Machine, at Instant) {
	for _, a := range m.Asking() {
		answer := Answer{At: at, Outcome: judge.Fail}
		if r, ok := m.Consider(a.CheckID, a.Run, answer, answer); ok && m.legal(r) != nil {
			t.Fatalf("what the machine wants recorded is not legal: %+v: %v", r, m.legal(r))
		}
	}
	m.Deadline()
	m.Outstanding()
	m.Decide(at)
	for _, name := range []string{"", "p0", "p1", "p2", "nosuch"} {
		m.Why(at, name)
		m.Process(name)
		m.Ask(RestartAsked{name, "x"})
		m.Ask(SignalAsked{RunID: task.RunID{Process: name}})
		m.Judge(at, Exit{RunID: task.RunID{Process: name, Run: 1}, Signal: 99, Signals: []int{-1, 200, 15}})
	}
	for _, id := range append(m.Live(), m.Strays()...) {
		if !m.Keeps(id) {
			t.Fatalf("run %s lives and is not kept", id)
		}
	}
	if _, err := json.Marshal(m.State()); err != nil {
		t.Fatalf("%v", err)
	}
	if m.unknown != "" {
		return
	}
	records, err := m.Snapshot()
	if err != nil {
		t.Fatalf("%v", err)
	}
	again := New(m.task)
	for _, r := range records {
		if err := again.Replay(Encode(m.Seq(), at, r)); err != nil {
			t.Fatalf("replay a snapshot: %v", err)
		}
	}
	if diff := cmp.Diff(m.State(), again.State()); diff != "" {
		t.Fatalf("a snapshot comes to another state:\n%s", diff)
	}
}

// A journal of any bytes is read without a panic; each line is a payload.
func FuzzReplay(f *testing.F) {
	def := wide(3, 2)
	def.Processes[1].After = []task.Edge{{Process: "p00000", When: task.WhenReady}}
	def.Processes[2].Final = true
	payloads, m := journal(f, chain(3))
	f.Add(bytes.Join(payloads, []byte("\n")))
	records, err := m.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(Encode(m.Seq(), Instant{}, records[0]))
	for i, r := range examples() {
		f.Add(append(Encode(uint64(i), Instant{1, 2}, Created{Format: 1}), append([]byte("\n"), Encode(2, Instant{}, r)...)...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := New(def)
		for payload := range bytes.Lines(data) {
			e, err := Decode(payload)
			if err != nil || m.Apply(e.At, e.Record) != nil {
				continue
			}
			for range 10 {
				decisions := m.Decide(e.At)
				for _, d := range decisions {
					if err := m.Apply(e.At, d.Record); err != nil {
						t.Fatalf("the machine proposes what it refuses: %v", err)
					}
				}
			}
			m.Deadline()
			m.Outstanding()
			m.State()
			m.Why(e.At, "")
			m.Why(e.At, "p00001")
		}
	})
}

func TestSnapshotOfALargeTask(t *testing.T) {
	def := wide(2000, 0)
	_, m := journal(t, def)
	for i := range m.procs {
		m.procs[i].history[0].Tail = string(bytes.Repeat([]byte{'\n'}, 4096))
	}
	records, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) < 4 {
		t.Fatalf("it is %d records", len(records))
	}
	again := New(def)
	for i, r := range records {
		payload := Encode(m.Seq(), Instant{}, r)
		if len(payload) > 2*snapshotRoom {
			t.Errorf("record %d has %d bytes", i, len(payload))
		}
		if err := again.Replay(payload); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := again.Apply(Instant{}, TakenUp{}); err == nil || again.Decide(Instant{}) != nil {
				t.Errorf("half a snapshot takes other records (%v), or decides", err)
			}
		}
	}
	if !reflect.DeepEqual(m.State(), again.State()) {
		t.Error("it comes to another state")
	}
	if err := again.Replay(Encode(m.Seq(), Instant{}, records[1])); err == nil {
		t.Error("a rest too many is taken")
	}
}

func TestReplayChecksNumbers(t *testing.T) {
	m := New(wide(1, 0))
	if err := m.Replay(Encode(1, Instant{}, Created{Format: 1})); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{0, 1, 3} {
		if err := m.Replay(Encode(seq, Instant{}, TakenUp{})); err == nil {
			t.Errorf("record %d is taken for 2", seq)
		}
	}
	if err := m.Replay(Encode(2, Instant{}, Unknown{"new"})); err != nil || m.Seq() != 2 {
		t.Errorf("an unknown record: %v, then at %d", err, m.Seq())
	}
}

func TestKeeps(t *testing.T) {
	def := wide(1, 0)
	p := &def.Processes[0]
	p.Daemon, p.MaxFailures, p.Leave = true, 0, true
	m := New(def)
	apply := func(r Record) {
		t.Helper()
		if err := m.Apply(Instant{Boot: 1}, r); err != nil {
			t.Fatal(err)
		}
	}
	apply(Created{Format: 1})
	for n := range 60 {
		id := task.RunID{Process: p.Name, Run: n}
		apply(Forking{id})
		end := Ended{RunID: id, State: RunSuccess, Tail: "tail"}
		if n == 3 || n == 7 || n == 45 {
			end.State = RunFailed
		}
		if n == 10 || n == 11 {
			end.Left = 1
		}
		apply(end)
	}
	kept := func() (kept []int) {
		for n := -1; n < 70; n++ {
			if m.Keeps(task.RunID{Process: p.Name, Run: n}) {
				kept = append(kept, n)
			}
		}
		return kept
	}
	want := []int{3, 10, 11, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59}
	if diff := cmp.Diff(want, kept()); diff != "" {
		t.Errorf("kept are (-want +got):\n%s", diff)
	}
	apply(Emptied{task.RunID{Process: p.Name, Run: 10}})
	if m.Keeps(task.RunID{Process: p.Name, Run: 10}) {
		t.Error("run 10 has left nothing any more, and is kept")
	}
	var tails []int
	for _, run := range m.procs[0].history {
		if run.Tail != "" {
			tails = append(tails, run.Run)
		}
	}
	if diff := cmp.Diff([]int{3, 59}, tails); diff != "" {
		t.Errorf("stderr is kept of (-want +got):\n%s", diff)
	}
}

// Times of an earlier boot are shown as long past, not as times of this one.
func TestRebootInTheView(t *testing.T) {
	def := wide(1, 0)
	m := New(def)
	id := task.RunID{Process: "p00000"}
	for _, r := range []Record{
		Created{Format: 1}, TakenUp{BootID: "a"}, Forking{id}, Started{RunID: id},
		KillAsked{Grace: 60e9}, Cleaning{Result: Killed, By: 70e9}, Stopping{RunID: id, Signal: "TERM", By: 20e9},
		TakenUp{BootID: "b"},
	} {
		if err := m.Apply(Instant{Boot: 10e9}, r); err != nil {
			t.Fatal(err)
		}
	}
	s := m.State()
	if s.Deadline != past || s.Processes[0].Last().Stop.By != past {
		t.Errorf("the budget ends at %d, the run is killed at %d", s.Deadline, s.Processes[0].Last().Stop.By)
	}
	if acts := m.Outstanding(); len(acts) != 0 {
		t.Errorf("of a run of the earlier boot is outstanding: %v", acts)
	}
	if got := m.Live(); len(got) != 1 || got[0] != id {
		t.Errorf("live are %v", got)
	}
}

// A snapshot that makes no sense is refused, and the machine is as new.
func TestSnapshotsThatMakeNoSense(t *testing.T) {
	def := wide(2, 0)
	ended := Run{State: RunSuccess}
	for what, s := range map[string]Snapshot{
		"format":        {Format: 2, Head: head{Stage: Active}},
		"state":         {Format: 1, Head: head{Stage: "x"}},
		"rest":          {Format: 1, Head: head{Stage: Active}, Rest: -1},
		"process":       {Format: 1, Head: head{Stage: Active}, Procs: []SnapshotProcess{{Name: "x"}}},
		"twice":         {Format: 1, Head: head{Stage: Active}, Procs: []SnapshotProcess{{Name: "p00000"}, {Name: "p00000"}}},
		"over":          of(SnapshotProcess{Over: "x"}),
		"over, no run":  of(SnapshotProcess{Over: OverFailed}),
		"over and live": of(SnapshotProcess{Over: OverFailed, Runs: 1, History: []Run{{State: Running}}}),
		"two live":      of(SnapshotProcess{Runs: 2, History: []Run{{State: Running}, {Run: 1, State: Running}}}),
		"run state":     of(SnapshotProcess{Runs: 1, History: []Run{{State: "x"}}}),
		"order":         of(SnapshotProcess{Runs: 1, History: []Run{ended, ended}}),
		"left":          of(SnapshotProcess{Runs: 1, History: []Run{{State: RunSuccess, Left: -1}}}),
		"runs":          of(SnapshotProcess{Runs: 2, History: []Run{ended}}),
		"no runs":       of(SnapshotProcess{Runs: 2}),
		"failures":      of(SnapshotProcess{Failures: -1}),
	} {
		m := New(def)
		if err := m.Apply(Instant{}, s); err == nil || !reflect.DeepEqual(m.State(), New(def).State()) {
			t.Errorf("%s: %v, and the state is %+v", what, err, m.State())
		}
	}
}

func of(p SnapshotProcess) Snapshot {
	p.Name = "p00000"
	return Snapshot{Format: 1, Head: head{Stage: Active}, Procs: []SnapshotProcess{p}}
}
