package machine

import (
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/task"
)

// happen lets one thing happen that can happen now.
func (w *world) happen() {
	can := map[string]func(){
		"time": w.time, "kill": w.kill, "person": w.person, "room": w.room,
		"recover": w.recover, "compact": w.compact, "shim dies": w.shimDies, "reboot": w.reboot,
		"pause": w.pause, "resize": w.resize, "misfortune": w.misfortune,
	}
	weights := []string{"time", "time", "time", "person", "person", "room", "recover", "compact", "shim dies", "reboot", "kill",
		"pause", "resize", "misfortune"}
	if len(w.live) > 0 {
		can["run"], can["thinned"] = w.run, w.thinned
		weights = append(weights, "thinned", "run", "run", "run", "run", "run", "run", "run", "run")
	}
	if len(w.strays) > 0 {
		can["emptied"] = w.emptied
		weights = append(weights, "emptied", "emptied")
	}
	if w.m.Clearing {
		can["cleared"] = w.cleared
		weights = append(weights, "cleared", "cleared", "cleared")
	}
	if w.m.callsFirst() || w.parting() != nil {
		can["farewell"] = w.farewell
		weights = append(weights, "farewell", "farewell", "farewell")
	}
	if len(w.m.Asking()) > 0 {
		can["answer"], can["snooze"] = w.answer, w.snooze
		weights = append(weights, "snooze", "answer", "answer", "answer", "answer", "answer", "answer", "answer")
	}
	can[one(w.t, "event", weights)]()
	w.settle()
}

// time passes: to the deadline, to just before it, or somewhere.
func (w *world) time() {
	if boot, ok := w.m.Deadline(); ok && rapid.Bool().Draw(w.t, "to the deadline") {
		w.now = max(w.now, boot-int64(draw(w.t, "early", 0, 1)))
		return
	}
	w.now += int64(draw(w.t, "ms", 0, 6000)) * 1e6
}

func (w *world) kill() {
	if draw(w.t, "spare", 0, 6) > 0 {
		return
	}
	for range draw(w.t, "kills", 1, 2) {
		w.killOnce()
	}
}

func (w *world) killOnce() {
	if w.m.terminal() {
		return
	}
	d, err := w.m.Ask(KillAsked{
		Grace: task.Duration(draw(w.t, "grace", 0, 12) * 1e9),
		Lose:  rapid.Bool().Draw(w.t, "lose"), By: "p", Reason: "r",
	})
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	before := w.m.Budget
	w.write(d.Record)
	if before != 0 && w.m.Budget > before {
		w.t.Fatalf("a kill lengthened the budget from %d to %d", before, w.m.Budget)
	}
}

func (w *world) person() {
	name := one(w.t, "process", w.task.Processes).Name
	r := one(w.t, "request", []Record{
		RestartAsked{name, "p"}, StopAsked{name, "p"}, StartAsked{name, "p"},
		SignalAsked{task.RunID{Process: name}, "TERM", "p"}, SignalAsked{task.RunID{Process: name}, "HUP", "p"},
	})
	d, err := w.m.Ask(r)
	if err != nil {
		return
	}
	if _, signal := r.(SignalAsked); w.paused && !signal {
		w.t.Fatalf("%#v is granted while the task is paused", r)
	}
	w.write(d.Record)
	if rapid.Bool().Draw(w.t, "crash before the act") {
		w.recover()
		return
	}
	if d.Act != nil {
		w.perform(d.Act)
	}
}

func (w *world) room() { w.m.SetFull(rapid.Bool().Draw(w.t, "full")) }

// pick is one of them, the same one in each repetition of the test.
func pick[V any](w *world, from map[task.RunID]V) task.RunID {
	ids := slices.SortedFunc(maps.Keys(from), func(a, b task.RunID) int { return strings.Compare(a.String(), b.String()) })
	return one(w.t, "run", ids)
}

// run lets something happen to a run.
func (w *world) run() {
	id := pick(w, w.live)
	run, known := w.m.Run(id)
	if !known {
		w.t.Fatalf("run %s lives and is not kept", id)
	}
	switch {
	case !w.live[id].spawned:
		w.end(id, Exit{Unspawned: true})
	case run.State == Forked && draw(w.t, "unstartable", 0, 5) == 0:
		w.end(id, Exit{Error: "no such file"})
	case run.State == Forked && draw(w.t, "starts", 0, 5) > 0:
		w.write(Started{RunID: id, Pid: 5, Start: 6, At: w.earlier()})
	case run.State == Running && run.Ready == Instant{} && rapid.Bool().Draw(w.t, "ready"):
		w.write(Ready{id})
	default:
		w.exit(id)
	}
}

// earlier is a moment by the shim's clock, some time ago or not at all.
func (w *world) earlier() Instant {
	if rapid.Bool().Draw(w.t, "no time") {
		return Instant{}
	}
	at := w.instant()
	at.Boot = max(1, at.Boot-int64(draw(w.t, "ms ago", 0, 2000))*1e6)
	return at
}

func (w *world) exit(id task.RunID) {
	e := Exit{Signals: w.live[id].delivered, At: w.earlier(), Tail: one(w.t, "tail", []string{"", "tail"})}
	if n := len(e.Signals); n > 0 && draw(w.t, "undelivered", 0, 5) == 0 {
		e.Signals = e.Signals[:n-1]
	}
	switch draw(w.t, "how", 0, 9) {
	case 0:
		e.Signal = 11
	case 1, 2:
		e.Exit = num(1)
	case 3, 4:
		e.Signal = 15
	default:
		e.Exit = num(0)
	}
	e.OOM = w.oom()
	if draw(w.t, "leaves", 0, 4) == 0 {
		e.Left = draw(w.t, "left", 1, 3)
	}
	w.end(id, e)
}

func (w *world) end(id task.RunID, e Exit) {
	e.RunID = id
	w.write(w.m.Judge(w.instant(), e))
	delete(w.live, id)
	if e.Left > 0 {
		w.strays[id] = true
	}
}

func (w *world) emptied() {
	id := pick(w, w.strays)
	delete(w.strays, id)
	w.write(Emptied{id})
}

// cleared ends everything, as a Clear does.
func (w *world) cleared() {
	for _, id := range w.m.Live() {
		w.end(id, Exit{Signal: 9, Signals: append(w.live[id].delivered, 9), At: w.instant()})
	}
	clear(w.strays)
	w.proven = true
	w.write(Cleared{})
}

// shimDies: all is killed, and what was live is lost.
func (w *world) shimDies() {
	for _, id := range w.m.Live() {
		w.end(id, Exit{Lost: "the shim died"})
	}
	for _, id := range w.m.Strays() {
		delete(w.strays, id)
		w.write(Emptied{id})
	}
}

// reboot: what was live is lost, or had ended before.
func (w *world) reboot() {
	if draw(w.t, "stay up", 0, 3) > 0 {
		return
	}
	w.boot++
	before, old := w.now, w.m.Live()
	w.now = int64(draw(w.t, "boot time", 1, 60)) * 1e9
	w.write(TakenUp{Pid: 2, Version: "v", BootID: w.bootID()})
	clear(w.strays)
	if rapid.Bool().Draw(w.t, "decide too early") {
		w.settle()
	}
	for _, id := range old {
		if rapid.Bool().Draw(w.t, "had ended") {
			w.end(id, Exit{Exit: num(draw(w.t, "status", 0, 1)), At: Instant{Boot: before, Wall: 1}})
		} else {
			w.end(id, Exit{Lost: "the machine was rebooted"})
		}
	}
}
