package file

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/task"
)

// Entry is one task of a file.
type Entry struct {
	Job   *task.Job // nil if the task was written without one
	Task  task.Task
	Ports []string // the ports that its templates name and that are not bound, sorted
}

// Name is what the entry is picked by: the job's name, else the task's.
func (e *Entry) Name() string {
	if e.Job != nil {
		return e.Job.Name
	}
	return e.Task.Name
}

// Contents are all the tasks of a file, in its order; at least one.
type Contents struct {
	Entries  []Entry
	Warnings []Error // in the order of their places
}

// Pick finds the task of a name, or the job of a key. No name is enough where
// there is only one.
func (c *Contents) Pick(name string) (*Entry, error) {
	var found, names []string
	var picked *Entry
	for i := range c.Entries {
		e := &c.Entries[i]
		key := e.Name()
		if e.Job != nil {
			key = e.Job.Key()
		}
		if names = append(names, key); name == "" || name == e.Name() || name == key {
			picked, found = e, append(found, key)
		}
	}
	switch {
	case len(found) == 1:
		return picked, nil
	case name == "":
		return nil, fmt.Errorf("the file has %d tasks: say which with --task NAME (%s)", len(names), strings.Join(names, ", "))
	case len(found) > 1:
		return nil, fmt.Errorf("the file has %d jobs named %s: say which with --task KEY (%s)", len(found), task.Quote(name), strings.Join(found, ", "))
	}
	return nil, fmt.Errorf("the file has no task named %s; it has %s", task.Quote(name), strings.Join(names, ", "))
}

// placed is an entry with the path that leads to it.
type placed struct {
	Entry
	path task.Path
}

// entries decodes the file, whichever of its forms it has.
func (d *decoder) entries(top *node) []placed {
	var doc document
	if top.kind != object {
		d.fail(top.at, "the file is %s, not a task: write name: ..., processes: [...] and so on", top.kind)
		return nil
	}
	if top.field("task") == nil && top.field("tasks") == nil && top.field("jobs") == nil {
		doc.Task = new(task.Task)
		taskKind.decode(d, top, doc.Task)
		return []placed{{Entry: d.entry(nil, *doc.Task, 0)}}
	}
	errors := len(d.errs)
	documents.kind().decode(d, top, &doc)
	var found []placed
	if doc.Task != nil {
		found = append(found, placed{d.entry(nil, *doc.Task, 0), task.Path{"task"}})
	}
	for i, t := range doc.Tasks {
		found = append(found, placed{d.entry(nil, t, i), task.Path{"tasks", i}})
	}
	for i := range doc.Jobs {
		j, path := &doc.Jobs[i], task.Path{"jobs", i}
		d.within("jobs", func() { d.within(i, func() { j.settle(d, top.follow(path)) }) })
		found = append(found, placed{d.entry(&j.Job, j.Task, i), path})
	}
	switch {
	case len(d.errs) > errors:
	case len(top.fields) > 1:
		d.fail(top.at, "a file has only one of task, tasks and jobs: this one has %d of them", len(top.fields))
	case len(found) == 0:
		d.fail(top.at, "there is no task in this file: the list of %s is empty", top.fields[0].key)
	default:
		d.distinct(top, found)
	}
	return found
}

// settle puts what Aurora writes in a job into its task.
func (j *job) settle(d *decoder, n *node) {
	if j.check != nil && j.Task.Check != nil {
		d.within("health_check_config", func() {
			d.fail(n.find(d.path[2:]), "the task of this job has a check, which is the same in other words: keep one of them")
		})
	} else if j.check != nil {
		j.Task.Check = j.check
	}
	if j.lifecycle != nil && j.Task.Lifecycle != nil {
		d.within("lifecycle", func() { d.fail(n.find(d.path[2:]), "the task of this job has a lifecycle, too: keep one of them") })
	} else if j.lifecycle != nil {
		j.Task.Lifecycle = j.lifecycle
	}
}

// entry fills in what depends on other fields.
func (d *decoder) entry(job *task.Job, t task.Task, index int) Entry {
	t.FillIn()
	e := Entry{Job: job, Task: t}
	if job != nil {
		if job.Task = t; job.Name == "" {
			job.Name = t.Name
		}
	}
	for _, variable := range slices.Sorted(maps.Keys(d.pending[index])) {
		if port := task.PortOf(variable); port != "" {
			e.Ports = append(e.Ports, port)
		}
	}
	return e
}

// distinct wants names by which entries can be picked.
func (d *decoder) distinct(top *node, entries []placed) {
	first := make(map[string]int)
	for i, e := range entries {
		key, at := e.Name(), e.path.With("name")
		if e.Job != nil {
			key = e.Job.Key()
		}
		if other, twice := first[key]; twice {
			d.fail(top.find(at), "%s is there twice (as number %d and %d): names must differ", task.Quote(key), other+1, i+1)
			continue
		}
		first[key] = i
	}
}

func (e *placed) problems() task.Problems {
	if e.Job != nil {
		return e.Job.Validate()
	}
	return e.Task.Validate()
}

// report gives problems their places. What follows only from a value that
// could not be decoded is not said again.
func (d *decoder) report(top *node, prefix task.Path, problems task.Problems) {
	for _, p := range problems {
		path := top.written(prefix.With(p.Path...))
		if d.follows(path) {
			continue
		}
		at := top.find(path)
		d.errs = append(d.errs, Error{Line: at.line, Col: at.col, Sentence: p.Sentence})
	}
}

// follows says that the value of a path, something inside it, or something
// that it is inside of, has failed to decode.
func (d *decoder) follows(path task.Path) bool {
	if _, ok := d.failed[path.String()]; ok {
		return true
	}
	for i := range path {
		if d.failed[path[:i].String()] {
			return true
		}
	}
	return false
}

func warnings(f *File, e placed) []Error {
	var found []Error
	path := e.path
	if e.Job != nil {
		path = path.With("task")
	}
	for _, w := range e.Task.Warnings() {
		at := f.top.find(f.top.written(path.With(w.Path...)))
		found = append(found, Error{File: f.Name, Line: at.line, Col: at.col, Sentence: w.Sentence})
	}
	return found
}
