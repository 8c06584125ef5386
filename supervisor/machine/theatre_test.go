package machine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dewarhq/dewar/task"
)

// stage plays the world and the loop for a transcript.
type stage struct {
	task     task.Task
	m        *Machine
	now      int64
	journal  [][]byte
	gathered map[string][]Answer // not recorded yet
	held     bool                // nothing is decided, as if the brain were dead
	out      strings.Builder
}

const curtain = int64(time.Hour) // boot time of 0s in a transcript

func newStage() *stage {
	return &stage{
		task: task.Task{Name: "t", MaxFailures: 1, FinalizationWait: task.Duration(30 * time.Second)},
		now:  curtain, gathered: make(map[string][]Answer),
	}
}

// words are a command's name, its plain arguments and its options.
type words struct {
	verb    string
	args    []string
	options map[string]string
}

func split(line string) words {
	w := words{options: make(map[string]string)}
	for i, f := range strings.Fields(line) {
		k, v, option := strings.Cut(f, "=")
		switch {
		case i == 0:
			w.verb = f
		case option:
			w.options[k] = strings.ReplaceAll(v, "_", " ")
		default:
			w.args = append(w.args, f)
		}
	}
	return w
}

func (w words) has(arg string) bool {
	for _, a := range w.args {
		if a == arg {
			return true
		}
	}
	return false
}

func (w words) int(name string, otherwise int) int {
	if v, ok := w.options[name]; ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			panic(err)
		}
		return n
	}
	return otherwise
}

// resources are those that are among the options, in bytes.
func (w words) resources() task.Resources {
	size := func(name string) task.Size { return task.Size(w.int(name, 0)) }
	return task.Resources{RAM: size("ram"), RAMSoft: size("ram_soft"), Swap: size("swap"), Pids: w.int("pids", 0), Disk: size("disk"), CPUSet: w.options["cpuset"]}
}

// asked is nil if nothing is.
func (w words) asked() *task.Resources {
	if r := w.resources(); r != (task.Resources{}) {
		return &r
	}
	return nil
}

func (w words) span(name string, otherwise task.Duration) task.Duration {
	if v, ok := w.options[name]; ok {
		return span(v)
	}
	return otherwise
}

func span(text string) task.Duration {
	d, err := task.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

// command does one line of a transcript and returns what came of it.
func (s *stage) command(line string) string {
	s.out.Reset()
	w := split(line)
	switch w.verb {
	case "task":
		s.task.MaxFailures = w.int("max_failures", 1)
		s.task.MaxConcurrency = w.int("max_concurrency", 0)
		s.task.FinalizationWait = w.span("finalization_wait", s.task.FinalizationWait)
		s.task.OOM = task.OOM(w.options["oom"])
		s.task.DiskAction = task.DiskAction(w.options["disk_action"])
		s.task.Resources = w.asked()
		s.task.Lifecycle = w.lifecycle()
	case "process":
		s.task.Processes = append(s.task.Processes, parseProcess(w))
	case "check":
		s.checkOf(w)
	case "order":
		s.task.Constraints = append(s.task.Constraints, task.Constraint{Order: w.args})
	default:
		if s.m == nil {
			s.m = New(s.task)
			s.write(Created{ID: "t-1", Name: s.task.Name, Format: 1})
			s.write(TakenUp{Pid: 10, Version: "v0", BootID: "boot1"})
			s.settle()
		}
		s.event(w)
	}
	return s.out.String()
}

func parseProcess(w words) task.Process {
	p := task.DefaultProcess()
	p.Name = w.args[0]
	p.Daemon, p.Ephemeral, p.Final, p.Leave = w.has("daemon"), w.has("ephemeral"), w.has("final"), w.has("leave")
	p.MaxFailures = w.int("max_failures", 1)
	p.Resources = w.asked()
	p.MinDuration = w.span("min_duration", p.MinDuration)
	p.ReadyTimeout = w.span("ready_timeout", p.ReadyTimeout)
	p.StopTimeout = w.span("stop_timeout", p.StopTimeout)
	if v, ok := w.options["stop_signal"]; ok {
		p.StopSignal = task.Signal(v)
	}
	if v, ok := w.options["stop_to"]; ok {
		p.StopTo = task.StopTo(v)
	}
	if _, ok := w.options["pre_stop"]; ok {
		p.PreStop = &task.PreStop{Cmdline: "bye", Timeout: w.span("pre_stop", 0)}
	}
	if v, ok := w.options["backoff"]; ok {
		most, reset, _ := strings.Cut(v, "/")
		p.Backoff = &task.Backoff{Max: span(most), Reset: span(reset)}
	}
	if v, ok := w.options["after"]; ok {
		for _, e := range strings.Split(v, ",") {
			part := strings.Split(e+"::", ":")
			p.After = append(p.After, task.Edge{Process: part[0], When: task.When(part[1]), OnLost: task.OnLost(part[2])})
		}
	}
	return p
}

// event lets something happen, and then the machine decide.
func (s *stage) event(w words) {
	switch w.verb {
	case "begin":
	case "at":
		s.now = curtain + int64(span(w.args[0]))
	case "wait":
		boot, ok := s.m.Deadline()
		if !ok {
			panic("there is no deadline to wait for")
		}
		s.silentBefore(boot)
		s.now = boot
	case "hold", "go":
		s.held = w.verb == "hold"
	case "full", "room":
		s.m.SetFull(w.verb == "full")
	case "recover":
		s.recover()
	case "compact":
		s.compact()
	case "why":
		for _, cause := range s.m.Why(s.instant(), strings.Join(w.args, " ")) {
			s.say("  %s", cause)
		}
		return
	case "status":
		s.status()
		return
	case "asks":
		s.asks()
		return
	case "answer":
		s.answer(w)
	case "snooze", "unsnooze", "kill", "restart", "stop", "start", "send", "pause", "unpause", "resize":
		s.ask(w)
	default:
		s.write(s.fact(w))
	}
	s.settle()
}

// silentBefore panics if the machine has something to say before its deadline.
func (s *stage) silentBefore(boot int64) {
	if d := s.m.Decide(Instant{Boot: boot - 1}); boot > s.now && len(d) > 0 {
		panic(fmt.Sprintf("at %s, before its deadline, the machine says %v", s.clock(boot-1), d))
	}
}

func (s *stage) fact(w words) Record {
	switch w.verb {
	case "brain":
		return TakenUp{Pid: 11, Version: "v0", BootID: w.args[0]}
	case "cleared":
		return Cleared{}
	case "overdisk":
		return OverDisk{Used: int64(w.int("used", 0)), Allowed: int64(w.int("allowed", 0))}
	case "denied":
		return Denied{strings.Join(w.args, " ")}
	case "undead":
		return Unkillable{[]Undead{{Pid: w.int("pid", 0), Command: w.options["command"], State: "D", Channel: w.options["channel"]}}}
	case "apply":
		e, err := Decode([]byte(strings.ReplaceAll(strings.Join(w.args, " "), "_", " ")))
		if err != nil {
			panic(err)
		}
		return e.Record
	}
	if r := s.farewell(w); r != nil {
		return r
	}
	id := s.run(w.args[0])
	switch w.verb {
	case "started":
		return Started{RunID: id, Pid: 100, Start: 5}
	case "ready":
		return Ready{id}
	case "emptied":
		return Emptied{id}
	case "thinned":
		return Thinned{id, *s.oom(w)}
	case "gathered":
		return Gathered{RunID: id, For: w.options["for"], Failure: w.options["failure"]}
	}
	return s.m.Judge(s.instant(), s.exit(w, id))
}

func (s *stage) exit(w words, id task.RunID) Exit {
	e := Exit{RunID: id, Left: w.int("left", 0), Tail: w.options["tail"], At: s.instant()}
	e.OOM = s.oom(w)
	for _, n := range strings.FieldsFunc(w.options["delivered"], func(r rune) bool { return r == ',' }) {
		e.Signals = append(e.Signals, task.Signal(n).Number())
	}
	if v, ok := w.options["at"]; ok {
		e.At.Boot = curtain + int64(span(v))
	}
	switch w.verb {
	case "exit":
		n, err := strconv.Atoi(w.args[1])
		if err != nil {
			panic(err)
		}
		e.Exit = &n
	case "dies":
		e.Signal, e.Core = task.Signal(w.args[1]).Number(), w.has("core")
	case "unstartable":
		e.Error = strings.Join(w.args[1:], " ")
	case "lost":
		e.Lost = "the shim died"
	case "unspawned":
		e.Unspawned = true
	default:
		panic("there is no command " + w.verb)
	}
	return e
}

func (s *stage) oom(w words) *OOM {
	v, ok := w.options["oom"]
	if !ok {
		return nil
	}
	return &OOM{Limit: Level(v), Bytes: int64(w.int("limit", 0)), Peak: int64(w.int("peak", 0)), Kills: w.int("kills", 1)}
}

// run is "web/3", or with "web" alone its latest run.
func (s *stage) run(name string) task.RunID {
	process, n, given := strings.Cut(name, "/")
	id := task.RunID{Process: process}
	if given {
		id.Run, _ = strconv.Atoi(n)
	} else if p, _ := s.m.find(id); p != nil {
		id.Run = p.runs - 1
	}
	return id
}

func (s *stage) ask(w words) {
	var r Record
	by := "uid 0 (root)"
	switch w.verb {
	case "kill":
		r = KillAsked{Grace: w.span("grace", task.Duration(time.Minute)), Lose: w.has("lose"), By: by, Reason: w.options["reason"]}
	case "restart":
		r = RestartAsked{w.args[0], by}
	case "stop":
		r = StopAsked{w.args[0], by}
	case "start":
		r = StartAsked{w.args[0], by}
	case "send":
		r = SignalAsked{task.RunID{Process: w.args[0]}, task.Signal(w.args[1]), by}
	}
	switch w.verb {
	case "snooze", "unsnooze":
		r = s.snooze(w)
	case "pause":
		r = PauseAsked{by}
	case "unpause":
		r = UnpauseAsked{by}
	case "resize":
		r = ResizeAsked{Process: strings.Join(w.args, " "), Limits: w.resources(), By: by}
	}
	d, err := s.m.Ask(r)
	if err != nil {
		s.say("refused: %v", err)
		return
	}
	s.decided(d)
}

func (s *stage) instant() Instant { return Instant{Boot: s.now, Wall: s.now + 1753e15} }

// settle is the loop.
func (s *stage) settle() {
	if s.held {
		return
	}
	for range 1000 {
		decisions := s.m.Decide(s.instant())
		for _, d := range decisions {
			s.decided(d)
		}
		if len(decisions) == 0 {
			return
		}
	}
	panic("the machine does not come to rest")
}

func (s *stage) decided(d Decision) {
	line := showRecord(s, d.Record)
	if d.Act != nil {
		line += "  → " + showAct(d.Act)
	}
	s.record(d.Record, line)
}

func (s *stage) write(r Record) { s.record(r, showRecord(s, r)) }

func (s *stage) record(r Record, line string) {
	payload := Encode(s.m.Seq()+1, s.instant(), r)
	if err := s.m.Apply(s.instant(), r); err != nil {
		s.say("error: %v", err)
		return
	}
	s.journal = append(s.journal, payload)
	s.say("%s", line)
}

func (s *stage) recover() {
	full := s.m.full
	s.m = New(s.task)
	s.m.SetFull(full)
	for _, payload := range s.journal {
		if err := s.m.Replay(payload); err != nil {
			panic(err)
		}
	}
	for _, act := range s.m.Outstanding() {
		s.say("outstanding: %s", showAct(act))
	}
}

func (s *stage) compact() {
	records, err := s.m.Snapshot()
	if err != nil {
		s.say("refused: %v", err)
		return
	}
	s.say("%d records become %d", s.m.Seq(), len(records))
	s.journal = nil
	for _, r := range records {
		s.journal = append(s.journal, Encode(s.m.Seq(), s.instant(), r))
	}
	s.recover()
}
