package file

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dewarhq/dewar/task"
)

// File is a file that was read but whose templates are not bound yet.
type File struct {
	Name  string
	top   *node
	lines []string
}

// Parse reads YAML or JSON. The name is for errors, which are of type Errors.
// Errors of meaning come later, from Check and Bind.
func Parse(name string, data []byte) (*File, error) {
	f := &File{Name: name}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return nil, f.named(Errors{notUTF8(data)})
	}
	source := string(data)
	top, errs, isJSON := fromJSON(source)
	switch {
	case isJSON:
	case strings.HasSuffix(name, ".json"):
		errs = Errors{notJSON(source)}
	default:
		top, errs = fromYAML(source)
	}
	if len(errs) == 0 && (top == nil || top.kind == null) {
		errs = Errors{{Line: 1, Col: 1, Sentence: "there is nothing in this file: write a task, with a list of processes"}}
	}
	if len(errs) > 0 {
		return nil, f.named(errs)
	}
	f.top, f.lines = top, strings.Split(source, "\n")
	return f, nil
}

func notUTF8(data []byte) Error {
	at := 0
	for at < len(data) {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	before := data[:at]
	return errorAfter(string(before), fmt.Sprintf("byte %#02x is not UTF-8: save the file as UTF-8", data[at]))
}

func errorAfter(text, sentence string) Error {
	return Error{
		Line:     1 + strings.Count(text, "\n"),
		Col:      1 + utf8.RuneCountInString(text[strings.LastIndexByte(text, '\n')+1:]),
		Sentence: sentence,
	}
}

func (f *File) named(errs Errors) error {
	for i := range errs {
		errs[i].File = f.Name
	}
	return errs.err()
}

// Check decodes and validates the whole file. What only a launch binds (the
// task's id, ports, instance, host) may be missing: then its templates stay in
// the tasks' texts, and a number that needs one keeps its default. The error
// is of type Errors.
func (f *File) Check(b task.Bindings) (*Contents, error) { return f.read(b, true) }

// Bind is Check for a launch: everything must be bound. The tasks that it
// returns can be run.
func (f *File) Bind(b task.Bindings) (*Contents, error) { return f.read(b, false) }

func (f *File) read(b task.Bindings, late bool) (*Contents, error) {
	d := &decoder{
		bindings: b, late: late, lines: f.lines,
		failed: make(map[string]bool), pending: make(map[int]map[string]bool),
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if !utf8.ValidString(b[name]) {
			d.fail(f.top.at, "the value bound to {{%s}} is not UTF-8", name)
		}
	}
	c := &Contents{}
	for _, e := range d.entries(f.top) {
		d.report(f.top, e.path, e.problems())
		c.Warnings = append(c.Warnings, warnings(f, e)...)
		c.Warnings = append(c.Warnings, d.ports(f, e)...)
		c.Entries = append(c.Entries, e.Entry)
	}
	if len(d.errs) > 0 {
		return nil, f.named(d.errs)
	}
	c.Warnings = Errors(c.Warnings).sorted()
	return c, nil
}
