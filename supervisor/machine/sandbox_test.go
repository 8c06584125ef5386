package machine

import (
	"reflect"
	"slices"

	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/task"
)

// pause pauses the task, or lets it go on: each half of the time, and refused
// where it cannot be.
func (w *world) pause() {
	var r Record = PauseAsked{"p"}
	if w.paused || rapid.Bool().Draw(w.t, "unpause") {
		r = UnpauseAsked{"p"}
	}
	d, err := w.m.Ask(r)
	_, ends := r.(UnpauseAsked)
	may := w.paused
	if !ends {
		may = !w.paused && w.mayPause()
	}
	if (err == nil) != may {
		w.t.Fatalf("%T: it may be is %v, and the answer %v\n%s", r, may, err, w.story())
	}
	if err != nil {
		return
	}
	w.write(d.Record)
	w.paused = !ends
	if rapid.Bool().Draw(w.t, "crash after it") {
		w.recover()
	}
}

// mayPause says that the task is active and nobody is being stopped.
func (w *world) mayPause() bool {
	r := refer(w.task, w.entries, w.m.full)
	if r.phase != Active || r.kill != nil {
		return false
	}
	for _, p := range r.procs {
		if run := p.live(); run != nil && (run.parting != nil || run.stop != nil || run.killed) {
			return false
		}
		for _, run := range p.runs {
			if run.left > 0 && run.leftKill && !p.def.Leave {
				return false
			}
		}
	}
	return true
}

// resize asks for other limits of the task or of a process, of which those that
// were asked for last hold.
func (w *world) resize() {
	name := one(w.t, "whose", append([]task.Process{{}}, w.task.Processes...)).Name
	r := ResizeAsked{Process: name, By: "p", Limits: task.Resources{Pids: draw(w.t, "pids", 1, 3)}}
	if rapid.Bool().Draw(w.t, "ram too") {
		r.Limits.RAM = task.Size(draw(w.t, "ram", 0, 3)) << 12
	}
	d, err := w.m.Ask(r)
	whole, own := w.asked[""].With(r.Limits), w.asked[name].With(r.Limits)
	refused := wider(own, w.asked[""])
	if name == "" {
		refused = false
		for _, p := range w.task.Processes {
			refused = refused || wider(w.asked[p.Name], whole)
		}
	}
	if (err != nil) != refused {
		w.t.Fatalf("resize %q to %+v beside %+v: refused is %v", name, r.Limits, w.asked, err)
	}
	if err != nil {
		return
	}
	before, encoded := w.snapshot()
	w.write(d.Record)
	if again := w.encode(before); !slices.Equal(again, encoded) {
		w.t.Fatalf("a resize changes an earlier snapshot: %s, it was %s", again, encoded)
	}
	w.asked[name] = own
	if got := w.m.Asked(name); !reflect.DeepEqual(got, own) {
		w.t.Fatalf("%q has %+v, asked for were %+v", name, got, own)
	}
	if got := w.m.Limits(name); got.RAM != own.RAM || got.Pids != own.Pids {
		w.t.Fatalf("%q is limited to %+v, asked for were %+v", name, got, own)
	}
}

func (w *world) snapshot() ([]Record, []string) {
	records, err := w.m.Snapshot()
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	return records, w.encode(records)
}

func (w *world) encode(records []Record) []string {
	var encoded []string
	for _, r := range records {
		encoded = append(encoded, string(Encode(1, Instant{Boot: 1}, r)))
	}
	return encoded
}

// wider says that a process has more than its task.
func wider(own, whole task.Resources) bool {
	return whole.RAM > 0 && own.RAM > whole.RAM || whole.Pids > 0 && own.Pids > whole.Pids
}

// misfortune is what befalls a task as a whole; seldom, or none would live long.
func (w *world) misfortune() {
	switch draw(w.t, "misfortune", 0, 15) {
	case 0:
		w.write(Denied{"no"})
	case 1, 2:
		w.write(OverDisk{Used: 2, Allowed: 1})
	case 3, 4, 5:
		undead := []Undead{{Pid: 7, Command: "c", State: "D", Channel: "w"}}
		w.write(Unkillable{undead})
		if !w.m.Knows(undead) || w.m.Knows(nil) {
			w.t.Fatalf("known not to die: %+v", w.m.Undead)
		}
	}
}

// thinned has something of a live run killed, which decides nothing.
func (w *world) thinned() {
	live := w.m.Live()
	if len(live) == 0 {
		return
	}
	id := one(w.t, "thinned", live)
	before := w.m.Decide(w.instant())
	w.write(Thinned{id, OOM{Limit: LevelTask, Bytes: 4096, Kills: draw(w.t, "kills", 1, 3)}})
	if after := w.m.Decide(w.instant()); !reflect.DeepEqual(before, after) {
		w.t.Fatalf("after the death of something of %s, which goes on, is decided %v, before %v", id, after, before)
	}
}

// oom is nil, or how the memory ran out.
func (w *world) oom() *OOM {
	if draw(w.t, "oom", 0, 9) > 0 {
		return nil
	}
	return &OOM{Limit: one(w.t, "level", []Level{LevelProcess, LevelTask, LevelMachine}), Bytes: 4096, Kills: draw(w.t, "kills", 0, 2)}
}
