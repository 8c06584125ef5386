package task

// order checks the graph: that edges lead from a process to another, that each
// can be satisfied, and that nothing waits for itself.
func (v *validation) order() {
	names := make([]string, 0, len(v.Processes))
	for _, p := range v.Processes {
		names = append(names, p.Name)
	}
	for c, constraint := range v.Constraints {
		for j, name := range constraint.Order {
			v.known(Path{"constraints", c, "order", j}, "order", name, names)
		}
	}
	for i, p := range v.Processes {
		lost := make(map[Edge]OnLost, len(p.After))
		for j, e := range p.After {
			at := Path{"processes", i, "after", j}
			v.known(at.With("process"), "after", e.Process, names)
			choice(v, at.With("when"), e.when(), Whens)
			v.lost(at.With("on_lost"), e, lost)
		}
	}
	links := v.links(v.index)
	for _, l := range links {
		v.link(l)
		v.healthInTime(l)
	}
	for _, cycle := range cycles(len(v.Processes), links) {
		v.add(cycle[len(cycle)-1].path(), "these processes wait for each other, so none of them can start: %s; take one of the edges away", v.drawn(cycle))
	}
	v.budget(links)
}

// known wants a name to be a process'. A suggestion costs a look at all names,
// so only the first unknown ones get one.
func (v *validation) known(path Path, field, name string, names []string) {
	if _, known := v.index[name]; known {
		return
	}
	hint := ""
	if v.hints++; v.hints <= 20 {
		hint = didYouMean(name, names)
	}
	v.add(path, "%s names the process %s, which the task does not have%s", field, Quote(name), hint)
}

// link refuses an edge that nothing could satisfy, or that holds up what must
// not be held up.
func (v *validation) link(l link) {
	from, to := &v.Processes[l.from], &v.Processes[l.to]
	switch {
	case l.from == l.to: // a cycle
	case from.Final && !to.Final:
		v.add(l.path(), "process %s cannot start after %s, which is final: final processes start when all others have ended", Quote(to.Name), Quote(from.Name))
	case !from.Final && to.Final:
		v.add(l.path(), "process %s is final and starts after all that are not, %s among them: take the edge away", Quote(to.Name), Quote(from.Name))
	case from.Ephemeral && !to.Ephemeral:
		v.add(l.path(), "process %s cannot wait for %s, which is ephemeral and so may never come to an end: make both ephemeral, or neither", Quote(to.Name), Quote(from.Name))
	case from.Daemon && from.MaxFailures == 0 && l.when == WhenExit:
		v.add(l.path(), "process %s would wait for ever: %s is a daemon that never fails for good (max_failures: 0); use when: started or ready", Quote(to.Name), Quote(from.Name))
	case from.Daemon && l.when == WhenSuccess:
		v.add(l.path(), "process %s would wait for ever: %s is a daemon and never succeeds for good; write after: [{process: %s, when: started}] (or ready) in it instead", Quote(to.Name), Quote(from.Name), from.Name)
	}
}
