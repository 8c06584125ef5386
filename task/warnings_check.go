package task

import "fmt"

// checkWarnings are about checks that say less than they seem to, or do more.
func (t *Task) checkWarnings(warn func(Path, string)) {
	asked := t.asked()
	if len(asked) == 0 {
		return
	}
	for i := range asked {
		a := &asked[i]
		if a.Timeout > a.Interval && a.Interval > 0 {
			step := a.Interval.times(ceil(a.Timeout, a.Interval))
			warn(a.path.With("timeout"), fmt.Sprintf("the check %s has a timeout, %s, longer than its interval, %s: two attempts never overlap, so while it hangs it is asked every %s only", a.label(), a.Timeout, a.Interval, step))
		}
		if a.Capture != "" && a.Action == NoAction {
			warn(a.path.With("capture"), fmt.Sprintf("capture has no effect in the check %s, which never kills", a.label()))
		}
	}
	sameQuestions(asked, warn)
	t.lateRestarts(warn)
	t.impatience(warn)
}

// sameQuestions are those that kill a process which only says that it is not
// ready.
func sameQuestions(asked []askedCheck, warn func(Path, string)) {
	first := make(map[Role]map[string]*askedCheck)
	for _, role := range []Role{Liveness, Readiness} {
		first[role] = make(map[string]*askedCheck)
	}
	for i := range asked {
		a := &asked[i]
		target, other := a.target(), Liveness
		if a.Role == Liveness {
			other = Readiness
		}
		if first[a.Role] == nil || target == "" {
			continue
		}
		if b := first[other][target]; b != nil {
			alive, ready := a, b
			if a.Role == Readiness {
				alive, ready = b, a
			}
			warn(a.path, fmt.Sprintf("the checks %s and %s ask the same: what is only not ready for a moment is killed; let %s ask something that answers whenever the process does not hang", alive.label(), ready.label(), alive.label()))
		}
		if first[a.Role][target] == nil {
			first[a.Role][target] = a
		}
	}
}

// lateRestarts are about processes that have failed for good when they would be
// restarted.
func (t *Task) lateRestarts(warn func(Path, string)) {
	for i, p := range t.Processes {
		for j, c := range p.Checks {
			if c.Action == Restart && p.MaxFailures == 1 {
				warn(Path{"processes", i, "checks", j, "action"}, fmt.Sprintf("the check %s is to restart process %s, and that has failed for good by then, with max_failures: 1: raise it, or write 0 for no limit", Quote(c.Name), Quote(p.Name)))
			}
		}
	}
}

// impatience is about processes that are to be healthy before one attempt need
// be over.
func (t *Task) impatience(warn func(Path, string)) {
	index, said := t.indexes(), make(map[int]bool)
	for _, l := range t.links(index) {
		p := &t.Processes[l.from]
		if l.when != WhenHealthy || said[l.from] {
			continue
		}
		for _, c := range p.Checks {
			if c.Timeout > p.ReadyTimeout && !said[l.from] {
				said[l.from] = true
				warn(Path{"processes", l.from, "ready_timeout"}, fmt.Sprintf("process %s is to be healthy within ready_timeout, %s, and one attempt of its check %s may take longer, %s: raise the one or lower the other", Quote(p.Name), p.ReadyTimeout, Quote(c.Name), c.Timeout))
			}
		}
	}
}

// target is whom a check asks what, in any words that differ where that does;
// "" if only the process itself could tell.
func (c *Check) target() string {
	switch {
	case c.HTTP != nil:
		h := c.HTTP
		return fmt.Sprintf("http %q %q %q %q", h.Host, h.Port, h.Socket, h.Endpoint)
	case c.TCP != nil:
		return fmt.Sprintf("tcp %q %q %q %q", c.TCP.Host, c.TCP.Port, c.TCP.Socket, c.TCP.Send)
	case c.GRPC != nil:
		return fmt.Sprintf("grpc %q %q %q", c.GRPC.Host, c.GRPC.Port, c.GRPC.Service)
	case c.Shell != "":
		return "shell " + c.Shell
	case len(c.Argv) > 0:
		return fmt.Sprintf("argv %q", c.Argv)
	case c.File != nil:
		return "file " + c.File.Path
	}
	return ""
}
