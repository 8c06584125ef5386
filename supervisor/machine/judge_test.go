package machine

import (
	"testing"

	"github.com/dewarhq/dewar/task"
)

// What an end means, by what was decided, what people asked for, and what was
// delivered.
func TestJudge(t *testing.T) {
	id := task.RunID{Process: "p00000"}
	stop, kill := Stopping{RunID: id, Cause: CauseRestart, Signal: "TERM", By: 99}, Killing{RunID: id, Cause: CauseTimeout}
	asked := func(s task.Signal) Record { return SignalAsked{RunID: id, Signal: s} }
	for _, c := range []struct {
		what  string
		told  []Record
		end   Exit
		state RunState
		says  string
	}{
		{"success", nil, Exit{Exit: num(0)}, RunSuccess, ""},
		{"failure", nil, Exit{Exit: num(1)}, RunFailed, ""},
		{"another's signal", nil, Exit{Signal: 9}, RunFailed, ""},
		{"stopped", []Record{stop}, Exit{Exit: num(0), Signals: []int{15}}, RunKilled, ""},
		{"success before the stop arrived", []Record{stop}, Exit{Exit: num(0)}, RunSuccess, ""},
		{"failure before the stop arrived", []Record{stop}, Exit{Signal: 15}, RunFailed, ""},
		{"stopped, as a journal tells no more", nil, Exit{Exit: num(3), Signals: []int{15}}, RunKilled, ""},
		{"killed", []Record{stop, kill}, Exit{Signal: 9, Signals: []int{15, 9}}, RunKilled, ""},
		{"ended by a person's signal", []Record{asked("TERM")}, Exit{Signal: 15, Signals: []int{15}}, RunKilled, "a person sent it SIGTERM"},
		{"a person's signal, and an end of its own", []Record{asked("HUP")}, Exit{Exit: num(2), Signals: []int{1}}, RunFailed, ""},
		{"a person's signal, and success", []Record{asked("HUP")}, Exit{Exit: num(0), Signals: []int{1}}, RunSuccess, ""},
		{"a person's signal and ours", []Record{asked("TERM"), stop}, Exit{Exit: num(0), Signals: []int{15}}, RunKilled, ""},
		{"a person's kill and ours", []Record{asked("KILL"), stop, kill}, Exit{Signal: 9, Signals: []int{9}}, RunKilled, ""},
		{"could not be started", nil, Exit{Error: "no such file"}, RunFailed, "no such file"},
		{"lost", []Record{stop}, Exit{Lost: "the shim died", Signals: []int{15}}, RunLost, "the shim died"},
		{"unspawned", []Record{stop}, Exit{Unspawned: true}, RunKilled, "it was told to stop before it was started"},
		{"nothing known", nil, Exit{}, RunLost, "nothing is known of its end"},
	} {
		m := New(wide(1, 0))
		for _, r := range append([]Record{Created{Format: 1}, Forking{id}, Started{RunID: id}}, c.told...) {
			if err := m.Apply(Instant{Boot: 1}, r); err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
		}
		c.end.RunID, c.end.Tail = id, "tail"
		r := m.Judge(Instant{Boot: 7}, c.end)
		if r.State != c.state || r.Reason != c.says || r.At.Boot != 7 || (r.Tail != "") != (c.state == RunFailed) {
			t.Errorf("%s: %s %q at %d, stderr %q; want %s %q", c.what, r.State, r.Reason, r.At.Boot, r.Tail, c.state, c.says)
		}
	}
}

// cpu_hard: true is as many CPUs as cpu, when it is asked for.
func TestResizeToAsManyCPUs(t *testing.T) {
	m := New(task.Task{Name: "t", Processes: []task.Process{{Name: "a"}}})
	for _, r := range []Record{Created{ID: "t-1", Name: "t", Format: 1}, ResizeAsked{Limits: task.Resources{CPU: 3}}} {
		if err := m.Apply(Instant{Boot: 1}, r); err != nil {
			t.Fatal(err)
		}
	}
	d, err := m.Ask(ResizeAsked{Limits: task.Resources{CPUHard: task.HardAsCPU}})
	if r, ok := d.Record.(ResizeAsked); err != nil || !ok || r.Limits.CPUHard != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := m.Ask(ResizeAsked{Process: "a", Limits: task.Resources{CPUHard: task.HardAsCPU}}); err == nil {
		t.Errorf("a process without cpu: %+v", d)
	}
}
