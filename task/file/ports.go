package file

import (
	"fmt"
	"maps"
	"slices"

	"github.com/dewarhq/dewar/task"
)

// asking are the fields whose texts ask a port, and do not give it to somebody
// who listens on it.
var asking = []string{"check", "checks", "health_check_config", "lifecycle", "pre_stop"}

// listening gathers the ports that the texts of a node name, where the two
// kinds of fields are told apart: served by the processes, asked by the rest.
type listening struct {
	bindings task.Bindings
	served   map[string]bool
	asked    map[string]position
	locate   func(n *node, offset int) position
}

func (l *listening) walk(n *node, asks bool) {
	for _, m := range n.fields {
		l.walk(m.value, asks || slices.Contains(asking, m.key))
	}
	for _, item := range n.items {
		l.walk(item, asks)
	}
	for port, offset := range l.bindings.Ports(n.text) {
		if _, known := l.asked[port]; asks && !known {
			l.asked[port] = l.locate(n, offset)
		} else if !asks {
			l.served[port] = true
		}
	}
}

// ports refuses checks and calls of ports that no process is given, and hints
// at what Aurora does without being asked to.
func (d *decoder) ports(f *File, e placed) []Error {
	l := listening{d.bindings, make(map[string]bool), make(map[string]position), d.locate}
	whole := f.top.follow(e.path)
	l.walk(whole, false)
	asked := e.Task.AskedPorts()
	path := e.path
	if e.Job != nil {
		path = path.With("task")
	}
	for _, a := range asked {
		where := f.top.written(path.With(a.Path...))
		if l.served[string(a.Port)] || d.follows(where) {
			continue
		}
		at := f.top.find(where)
		d.errs = append(d.errs, Error{Line: at.line, Col: at.col, Sentence: unserved(string(a.Port)) + aurora(e, a)})
	}
	for _, port := range slices.Sorted(maps.Keys(l.asked)) {
		if at := l.asked[port]; !l.served[port] {
			d.errs = append(d.errs, Error{Line: at.line, Col: at.col, Sentence: unserved(port)})
		}
	}
	return hint(f, e, whole.at, l.served[string(task.HealthPort)])
}

func unserved(port string) string {
	return fmt.Sprintf("port %s is asked here, and no process is given it: write {{%s}} where the one that listens says on which port, or the number here", port, task.PortVariable(port))
}

// aurora says what Aurora made of such a job, which is why it may have worked.
func aurora(e placed, a task.AskedPort) string {
	switch {
	case e.Job == nil || a.Port != task.HealthPort:
		return ""
	case a.Path[0] == "check":
		return ` (Aurora took it for healthy, unasked; if that is meant, take the check away)`
	case a.Path[0] == "lifecycle":
		return ` (Aurora left such calls out; if that is meant, take lifecycle away)`
	}
	return ""
}

// hint is for jobs that Aurora checks though they do not say so.
func hint(f *File, e placed, at position, hasHealth bool) []Error {
	if e.Job == nil || !hasHealth {
		return nil
	}
	for range e.Task.AllChecks() {
		return nil
	}
	return []Error{{File: f.Name, Line: at.line, Col: at.col, Sentence: "there is a port health, and nothing asks it: Aurora would, and here health_check_config: {} says so"}}
}
