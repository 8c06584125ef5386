package task

import "iter"

// askedCheck is a check with its place.
type askedCheck struct {
	process string // "" of the task's own
	path    Path
	*Check
}

// label is what people call a check: web/readiness, or health of the task's own.
func (a *askedCheck) label() string {
	if a.process == "" {
		return Quote(a.Name)
	}
	return Quote(a.process + "/" + a.Name)
}

func (t *Task) asked() []askedCheck {
	var all []askedCheck
	if t.Check != nil {
		all = append(all, askedCheck{"", Path{"check"}, t.Check})
	}
	for i := range t.Processes {
		all = append(all, t.Processes[i].asked(Path{"processes", i})...)
	}
	return all
}

func (p *Process) asked(at Path) []askedCheck {
	var all []askedCheck
	for j := range p.Checks {
		all = append(all, askedCheck{p.Name, at.With("checks", j), &p.Checks[j]})
	}
	return all
}

// AllChecks are the task's own check, whose process is "", and those of its
// processes, in the order of the file.
func (t *Task) AllChecks() iter.Seq2[string, *Check] {
	return func(yield func(string, *Check) bool) {
		for _, a := range t.asked() {
			if !yield(a.process, a.Check) {
				return
			}
		}
	}
}

// AskedPorts are the names of the ports that checks, life-cycle calls and
// pre_stop lead to, with the path of where the first says so, in the order of
// the file. Numbers and templates are left out.
func (t *Task) AskedPorts() []AskedPort {
	var found []AskedPort
	known := make(map[Port]bool)
	add := func(path Path, p *Port) {
		if p != nil && p.isName() && !known[*p] {
			known[*p], found = true, append(found, AskedPort{path, *p})
		}
	}
	for _, a := range t.asked() {
		kind, port := a.port()
		add(a.path.With(kind, "port"), port)
	}
	if t.Lifecycle != nil && t.Lifecycle.HTTP != nil {
		add(Path{"lifecycle", "http", "port"}, &t.Lifecycle.HTTP.Port)
	}
	for i := range t.Processes {
		if p := t.Processes[i].PreStop; p != nil && p.HTTP != nil {
			add(Path{"processes", i, "pre_stop", "http", "port"}, &p.HTTP.Port)
		}
	}
	return found
}

// AskedPort is a port by its name, and who asks it.
type AskedPort struct {
	Path Path
	Port Port
}

// port is the port that a check asks, nil if none, and the kind that has it.
func (c *Check) port() (kind string, p *Port) {
	switch {
	case c.HTTP != nil:
		return "http", &c.HTTP.Port
	case c.TCP != nil:
		return "tcp", &c.TCP.Port
	case c.GRPC != nil:
		return "grpc", &c.GRPC.Port
	}
	return "", nil
}

// kinds are the ways in which a check says it is to be asked.
func (c *Check) kinds() []string {
	var found []string
	for _, k := range []struct {
		name string
		here bool
	}{
		{"http", c.HTTP != nil}, {"tcp", c.TCP != nil}, {"shell", c.Shell != ""}, {"argv", len(c.Argv) > 0},
		{"grpc", c.GRPC != nil}, {"file", c.File != nil}, {"notify", c.Notify != nil},
	} {
		if k.here {
			found = append(found, k.name)
		}
	}
	return found
}
