package task

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Diff says how b differs from a, one line each, as in
//
//	processes[web].cmdline: "a" → "b"
//
// Processes are told apart by their names. Equal tasks have no lines.
func Diff(a, b Task) []string {
	var d diff
	d.objects("", fields(a), fields(b))
	return d.lines
}

type diff struct{ lines []string }

// fields is a task as JSON sees it, its processes by name.
func fields(t Task) map[string]any {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(t); err != nil {
		return map[string]any{"task": err.Error()} // not a task at all: a number that is not one
	}
	var m map[string]any
	d := json.NewDecoder(&b)
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return map[string]any{"task": err.Error()}
	}
	list, _ := m["processes"].([]any)
	delete(m, "processes")
	var order []any
	for i, p := range list {
		name := t.Processes[i].Name
		m["processes["+name+"]"] = p
		order = append(order, name)
	}
	m["order of processes"] = order
	return m
}

func (d *diff) objects(path string, a, b map[string]any) {
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		at := key
		if path != "" {
			at = path + "." + key
		}
		d.values(at, a[key], b[key])
	}
}

func (d *diff) values(path string, a, b any) {
	objectA, okA := a.(map[string]any)
	objectB, okB := b.(map[string]any)
	if okA && okB {
		d.objects(path, objectA, objectB)
		return
	}
	if was, is := compact(a), compact(b); was != is {
		was, is = around(was, is)
		d.lines = append(d.lines, path+": "+was+" → "+is)
	}
}

func compact(v any) string {
	if v == nil {
		return "nothing"
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// around leaves of two long texts what stands around their first difference.
func around(a, b string) (string, string) {
	const before, most = 20, 100
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	cut := func(s string) string {
		from := 0
		if len(s) > most {
			from = max(0, same-before)
		}
		to := min(len(s), from+most)
		part := strings.ToValidUTF8(s[from:to], "")
		if from > 0 {
			part = "…" + part
		}
		if to < len(s) {
			part += "…"
		}
		return part
	}
	return cut(a), cut(b)
}
