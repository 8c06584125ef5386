package file

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/task"
)

// structure is the table of the fields of an S: the one place that says what
// can be written in a file.
type structure[S any] struct {
	name  string // as a person would say it
	doc   string
	empty func() S // with defaults
	rows  []row[S]
	later []string // fields that Aurora has and we have not yet
}

// row is one field.
type row[S any] struct {
	name     string
	doc      string
	required bool
	same     string // the field that this is another way to write; only one of them may be there
	decode   func(d *decoder, n *node, to *S)
	schema   func(defs schema) schema
	value    func(s *S) any
}

func field[S, T any](name string, k kind[T], in func(*S) *T, doc string) row[S] {
	return row[S]{
		name:   name,
		doc:    doc,
		decode: func(d *decoder, n *node, to *S) { present(d, k, n, in(to)) },
		schema: k.schema,
		value:  func(s *S) any { return *in(s) },
	}
}

func (r row[S]) must() row[S] {
	r.required = true
	return r
}

// orAs is the field under another name.
func (r row[S]) orAs(name string) row[S] {
	other := r
	other.name = name
	return another(r.name, other)
}

// another makes a field another way to write the one of a name.
func another[S any](name string, r row[S]) row[S] {
	r.same = name
	return r
}

func zero[S any]() (s S) { return }

// kind makes the table a kind of its own.
func (s *structure[S]) kind() kind[S] {
	index := make(map[string]int, len(s.rows))
	names := make([]string, len(s.rows))
	for i, r := range s.rows {
		index[r.name], names[i] = i, r.name
	}
	return kind[S]{
		decode: func(d *decoder, n *node, to *S) {
			*to = s.empty()
			if n.kind != object {
				d.fail(n.at, "%s is %s, not %s: a map with fields such as %s", d.subject(), n.kind, s.name, names[0])
				return
			}
			for _, m := range n.fields {
				d.within(m.key, func() {
					if i, known := index[m.key]; known {
						s.rows[i].decode(d, m.value, to)
					} else {
						d.unknown(m, s.name, names, s.later)
					}
				})
			}
			for _, r := range s.rows {
				here := n.field(r.name)
				switch {
				case r.required && here == nil:
					d.within(r.name, func() { d.fail(n.at, "%s has no %s, which it needs", s.name, r.name) })
				case r.same != "" && here != nil && n.field(r.same) != nil:
					d.within(r.name, func() {
						d.fail(here.at, "%s is another way to write %s: keep one of the two", r.name, r.same)
					})
				}
			}
		},
		schema: s.schema,
	}
}

func (d *decoder) unknown(m member, of string, names, later []string) {
	if slices.Contains(later, m.key) {
		d.fail(m.at, "the field %s is not supported yet: remove it", m.key)
		return
	}
	if nearest := task.Nearest(m.key, names); nearest != "" {
		d.fail(m.at, "%s has no field %s; did you mean %s?", of, task.Quote(m.key), nearest)
		return
	}
	d.fail(m.at, "%s has no field %s; it has %s", of, task.Quote(m.key), strings.Join(names, ", "))
}

// schema puts the table among the definitions and refers to it.
func (s *structure[S]) schema(defs schema) schema {
	title := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(s.name, "a "), "an "), " ", "-")
	ref := schema{"$ref": "#/$defs/" + title}
	if defs[title] != nil {
		return ref
	}
	properties, required := schema{}, []string{}
	defs[title] = schema{
		"description":          s.doc,
		"type":                 "object",
		"properties":           properties,
		"additionalProperties": false,
	}
	empty, none := s.empty(), zero[S]()
	hasDefaults := !reflect.DeepEqual(empty, none)
	for _, r := range s.rows {
		property := schema{"description": r.doc}
		for key, value := range r.schema(defs) {
			property[key] = value
		}
		if value := plain(r.value(&empty)); hasDefaults && value != nil {
			property["default"] = value
		}
		properties[r.name] = property
		if r.required {
			required = append(required, r.name)
		}
	}
	if len(required) > 0 {
		defs[title].(schema)["required"] = required
	}
	return ref
}

// plain is a default as a file would say it; nil if it is nothing to mention.
func plain(value any) any {
	data, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("a default has no JSON: %v", err)) // the table is wrong
	}
	switch string(data) {
	case "null", `""`, "[]", "{}":
		return nil
	}
	return json.RawMessage(data)
}
