package task

import (
	"slices"
	"strings"
)

// checks refuses checks that cannot be asked, or whose answer nothing could
// come of.
func (v *validation) checks(all []askedCheck) {
	first := make(map[string]bool, len(all))
	for i := range all {
		a := &all[i]
		v.check(a)
		switch at := a.path.With("name"); {
		case first[a.Name]:
			v.add(at, "process %s has two checks named %s: give each a name of its own", Quote(a.process), Quote(a.Name))
		default:
			v.addErr(at, CheckName(a.Name), "the name of the check %s", a.label())
		}
		first[a.Name] = true
	}
}

func (v *validation) check(a *askedCheck) {
	at, who := a.path, "the check "+a.label()
	switch kinds := a.kinds(); {
	case len(kinds) == 0:
		v.add(at, "%s asks nothing: give it one of http, tcp, shell, argv, grpc, file and notify", who)
	case len(kinds) > 1:
		v.add(at.With(kinds[1]), "%s has both %s: keep one, and make a check of its own of the other", who, strings.Join(kinds[:2], " and "))
	}
	choice(v, at.With("role"), a.Role, Roles)
	choice(v, at.With("action"), a.Action, Actions)
	switch {
	case a.Role == Readiness && a.Action != NoAction:
		v.add(at.With("action"), "%s says whether the process can serve now, and never ends it: take action: %s away, or make its role liveness", who, a.Action)
	case a.process == "" && a.Action == Restart:
		v.add(at.With("action"), "%s is the task's own, and restart is of one process: write fail_task, or move the check into the process", who)
	}
	if a.process == "" && a.Notify != nil {
		v.add(at.With("notify"), "%s is the task's own, and a word is of one process: move the check into the process", who)
	}
	v.positiveSpan(at.With("interval"), a.Interval)
	v.positiveSpan(at.With("timeout"), a.Timeout)
	v.span(at.With("initial_interval"), a.InitialInterval)
	v.span(at.With("inconclusive_for"), a.InconclusiveFor)
	v.count(at.With("max_consecutive_failures"), a.MaxConsecutiveFailures, "0 means that the first failure is one too many")
	v.atLeastOne(at.With("min_consecutive_successes"), a.MinConsecutiveSuccesses)
	v.atLeastOne(at.With("max_inconclusive"), a.MaxInconclusive)
	v.addErr(at.With("capture"), checkArgument(a.Capture), "capture of %s", who)
	v.question(a, who)
}

func (v *validation) atLeastOne(path Path, n int) {
	if n < 1 {
		v.add(path, "%s is %d: it must be positive", last(path), n)
	}
}

// question checks what is asked.
func (v *validation) question(a *askedCheck, who string) {
	at := a.path
	v.addErr(at.With("shell"), checkArgument(a.Shell), "shell of %s", who)
	for j, arg := range a.Argv {
		v.addErr(at.With("argv", j), checkArgument(arg), "argv[%d] of %s", j, who)
	}
	if len(a.Argv) > 0 && a.Argv[0] == "" {
		v.add(at.With("argv", 0), "%s has an empty first argument: it names the program", who)
	}
	if a.HTTP != nil {
		v.http(at.With("http"), a.HTTP)
	}
	if c := a.TCP; c != nil {
		v.target(at.With("tcp"), c.Host, c.Port, c.Socket)
	}
	if c := a.GRPC; c != nil {
		v.target(at.With("grpc"), c.Host, c.Port, "")
		v.tls(at.With("grpc", "tls"), c.TLS)
	}
	if c := a.File; c != nil {
		if c.Path == "" || strings.Contains(c.Path, "\x00") {
			v.add(at.With("file", "path"), "path is %s: it names a file, relative to the sandbox", Quote(c.Path))
		}
		v.positiveSpan(at.With("file", "max_age"), c.MaxAge)
	}
	if c := a.Notify; c != nil {
		v.positiveSpan(at.With("notify", "max_age"), c.MaxAge)
	}
}

// healthInTime refuses a process whose successors wait for it to be healthy
// longer than it is given time for.
func (v *validation) healthInTime(l link) {
	from, to := &v.Processes[l.from], &v.Processes[l.to]
	if l.when != WhenHealthy || l.from == l.to {
		return
	}
	if len(from.Checks) == 0 {
		v.add(l.path(), "process %s waits until %s is healthy, and that has no check: give it one, or write when: ready (or started)", Quote(to.Name), Quote(from.Name))
		return
	}
	var startup, rest Duration
	for _, c := range from.Checks {
		if soonest := c.Interval.times(c.MinConsecutiveSuccesses - 1); c.Role == Startup {
			startup = max(startup, soonest)
		} else {
			rest = max(rest, soonest)
		}
	}
	if soonest := startup.plus(rest); soonest >= from.ReadyTimeout {
		v.add(Path{"processes", l.from, "ready_timeout"}, "process %s is to be healthy within ready_timeout, %s, and its checks need %s for so many successes in a row: raise it, or lower min_consecutive_successes", Quote(from.Name), from.ReadyTimeout, soonest)
	}
}

// lost checks what an edge says of its being lost. The earlier edges of the same
// process have said what is in the map, and are its keys without it.
func (v *validation) lost(at Path, e Edge, earlier map[Edge]OnLost) {
	edge := Edge{Process: e.Process, When: e.when()}
	said, twice := earlier[edge]
	earlier[edge] = e.OnLost
	switch {
	case twice && said != e.OnLost:
		v.add(at, "the edge from %s with when: %s is there twice, with on_lost: %s and %s: keep one", Quote(e.Process), edge.When, said, e.OnLost)
	case e.OnLost == "":
	case slices.Contains(Whens, e.when()) && !e.CanBeLost():
		v.add(at, "on_lost is of edges with when: ready or healthy; %s cannot be lost: take it away", e.when())
	default:
		choice(v, at, e.OnLost, OnLosts)
	}
}
