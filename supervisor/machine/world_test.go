package machine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/task"
)

// world is the kernel, the shim and the people around a machine: it performs
// the acts, lets things happen, and checks what must always hold.
type world struct {
	t    *rapid.T
	task task.Task
	m    *Machine
	now  int64
	boot int

	journal [][]byte // since the last compaction
	entries []Entry  // all
	points  []point  // after each of them

	live    map[task.RunID]*actual
	strays  map[task.RunID]bool
	proven  bool // nothing has lived since the last clear
	runs    map[string]int
	settled Cleaning
	paused  bool // by a person, who has not let it go on
	asked   map[string]task.Resources

	known    uint64             // AskingChanged, when it changed last
	knows    []Asked            // Asking, at that time
	anew     bool               // the machine is another one
	gathered map[Asked][]Answer // that are not recorded; a brain takes them with it
}

// actual is a run that really lives, or is about to.
type actual struct {
	spawned   bool
	delivered []int
}

// point is where the machine stood after a record.
type point struct {
	state  State
	at     Instant
	decide []Decision
}

func newWorld(t *rapid.T, def task.Task) *world {
	w := &world{
		t: t, task: def, m: New(def), now: int64(draw(t, "boot time", 1, 100)) * 1e9, proven: true,
		live: make(map[task.RunID]*actual), strays: make(map[task.RunID]bool), runs: make(map[string]int),
	}
	w.asked, w.gathered = make(map[string]task.Resources), make(map[Asked][]Answer)
	w.write(Created{ID: "id", Name: "t", Format: 1})
	w.write(TakenUp{Pid: 1, Version: "v", BootID: w.bootID()})
	return w
}

func (w *world) bootID() string { return fmt.Sprint("boot", w.boot) }

func (w *world) instant() Instant { return Instant{Boot: w.now, Wall: w.now + 1753e15} }

// write puts a record into the journal and folds it.
func (w *world) write(r Record) {
	payload := Encode(w.m.Seq()+1, w.instant(), r)
	if err := w.m.Apply(w.instant(), r); err != nil {
		w.t.Fatalf("%v", err)
	}
	w.journal = append(w.journal, payload)
	w.entries = append(w.entries, Entry{w.m.Seq(), w.instant(), r})
	w.check(r)
	w.askedAnew()
	w.points = append(w.points, point{w.m.State(), w.instant(), w.m.Decide(w.instant())})
}

// check is what a record must not do, judged by the world alone.
func (w *world) check(r Record) {
	switch r := r.(type) {
	case Forking:
		if r.Run != w.runs[r.Process] {
			w.t.Fatalf("run %s is forked, %d is next", r.RunID, w.runs[r.Process])
		}
		for id := range w.live {
			if id.Process == r.Process {
				w.t.Fatalf("run %s is forked, and %s lives", r.RunID, id)
			}
		}
		if w.m.full || w.paused {
			w.t.Fatalf("run %s is forked while the disk is full (%v) or the task is paused (%v)", r.RunID, w.m.full, w.paused)
		}
		w.runs[r.Process]++
		w.live[r.RunID] = &actual{}
		w.proven = false
		if most := w.task.MaxConcurrency; most > 0 && len(w.live) > most {
			w.t.Fatalf("%d runs live, %d may", len(w.live), most)
		}
	case Cleaning:
		if w.settled != (Cleaning{}) {
			w.t.Fatalf("a second %#v", r)
		}
		w.settled, w.paused = r, false
	case Finished:
		if len(w.live)+len(w.strays) > 0 || !w.proven {
			w.t.Fatalf("finished, and %v %v live (cleared: %v)", w.live, w.strays, w.proven)
		}
		if r.State != w.settled.Result {
			w.t.Fatalf("finished as %s, decided was %s", r.State, w.settled.Result)
		}
	}
	if w.settled != (Cleaning{}) && w.m.Result != w.settled.Result {
		w.t.Fatalf("the result is %s, decided was %s", w.m.Result, w.settled.Result)
	}
}

// settle is the loop: it decides until there is nothing to decide. It may be
// killed on the way; then another one starts.
func (w *world) settle() {
	for range 3*len(w.task.Processes) + 20 {
		decisions := w.m.Decide(w.instant())
		w.compare(decisions)
		if len(decisions) == 0 {
			w.rests()
			return
		}
		crash := draw(w.t, "crash", 0, 15*(len(decisions)+1))
		for i, d := range decisions {
			if i == crash {
				break
			}
			before := w.m.Budget
			w.write(d.Record)
			if before != 0 && w.m.Budget > before {
				w.t.Fatalf("%T lengthened the budget from %d to %d", d.Record, before, w.m.Budget)
			}
		}
		if crash <= len(decisions) {
			w.recover()
			continue
		}
		for _, d := range decisions {
			w.perform(d.Act)
		}
	}
	w.t.Fatalf("the machine does not come to rest: %v", w.m.Decide(w.instant()))
}

func (w *world) compare(decisions []Decision) {
	want := refer(w.task, w.entries, w.m.full).decide(w.now)
	if got := withoutReasons(decisions); !reflect.DeepEqual(got, want) {
		w.t.Fatalf("the machine decides\n%v, the reference\n%v\nafter\n%s", got, want, w.story())
	}
}

func (w *world) story() string {
	var b strings.Builder
	for _, e := range w.entries {
		fmt.Fprintf(&b, "%d %s\n", e.At.Boot, Encode(e.Seq, e.At, e.Record))
	}
	return b.String()
}

// rests checks a state in which there is nothing to decide: it is the end, or
// there is something to wait for, and the deadline is neither late nor early.
func (w *world) rests() {
	boot, ok := w.m.Deadline()
	if w.m.terminal() {
		if ok {
			w.t.Fatalf("the task has finished, and has the deadline %d", boot)
		}
		return
	}
	if ok {
		if boot <= w.now {
			w.t.Fatalf("the deadline %d has passed at %d, and there is nothing to decide", boot, w.now)
		}
		if d := w.m.Decide(Instant{Boot: boot - 1}); len(d) > 0 {
			w.t.Fatalf("before the deadline %d: %v", boot, d)
		}
		if d := w.m.Decide(Instant{Boot: boot}); len(d) == 0 {
			w.t.Fatalf("at the deadline %d there is nothing to decide", boot)
		}
		return
	}
	if d := w.m.Decide(Instant{Boot: 1 << 62}); len(d) > 0 {
		w.t.Fatalf("there is no deadline, and yet some day %v", d)
	}
	if w.paused {
		return
	}
	held := slices.ContainsFunc(w.m.procs, func(p process) bool { return p.heldBy != "" })
	if len(w.live)+len(w.strays) == 0 && !w.m.Clearing && !held && !w.m.full {
		w.t.Fatalf("the task is %s, and waits for nothing\n%s", w.m.Phase(), w.story())
	}
}

func (w *world) perform(a Act) {
	switch a := a.(type) {
	case Spawn:
		w.live[a.RunID].spawned = true
	case Stop:
		w.deliver(a.RunID, a.Signal.Number())
	case Signal:
		w.deliver(a.RunID, a.Signal.Number())
	case Kill:
		w.deliver(a.RunID, killNumber)
	}
}

// deliver sends a signal to a run; its status names it once.
func (w *world) deliver(id task.RunID, number int) {
	if run := w.live[id]; run != nil && !slices.Contains(run.delivered, number) {
		run.delivered = append(run.delivered, number)
	}
}

// recover replaces the machine by one that has read the journal, and performs
// what is outstanding.
func (w *world) recover() {
	again := New(w.task)
	again.SetFull(w.m.full)
	for _, payload := range w.journal {
		if err := again.Replay(payload); err != nil {
			w.t.Fatalf("recover: %v", err)
		}
	}
	if a, b := w.m.State(), again.State(); !reflect.DeepEqual(a, b) {
		w.t.Fatalf("a recovery comes to %+v, not to %+v", b, a)
	}
	w.m, w.anew = again, true
	clear(w.gathered)
	for _, act := range again.Outstanding() {
		if spawn, ok := act.(Spawn); !ok || w.live[spawn.RunID] != nil {
			w.perform(act)
		}
	}
}

// compact replaces the journal by a snapshot.
func (w *world) compact() {
	records, err := w.m.Snapshot()
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	w.journal = nil
	for _, r := range records {
		w.journal = append(w.journal, Encode(w.m.Seq(), w.instant(), r))
	}
	w.recover()
}
