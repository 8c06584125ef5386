package file

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dewarhq/dewar/task"
)

// decoder turns nodes into values and collects what is wrong on the way. A
// field that is wrong keeps its default.
type decoder struct {
	bindings task.Bindings
	late     bool     // variables that a launch binds may be missing
	lines    []string // of the file
	path     task.Path
	errs     Errors
	failed   map[string]bool         // true: what is at this path is wrong; false: something inside it is
	pending  map[int]map[string]bool // by entry: variables of the launch that are missing
	waits    int                     // how often one was missed
}

func (d *decoder) fail(at position, format string, args ...any) {
	d.errs = append(d.errs, Error{Line: at.line, Col: at.col, Sentence: fmt.Sprintf(format, args...)})
	for i := 1; i < len(d.path); i++ {
		path := d.path[:i].String()
		if _, known := d.failed[path]; !known {
			d.failed[path] = false
		}
	}
	if len(d.path) > 0 {
		d.failed[d.path.String()] = true
	}
}

// within decodes what a step leads to.
func (d *decoder) within(step any, decode func()) {
	d.path = append(d.path, step)
	decode()
	d.path = d.path[:len(d.path)-1]
}

// subject names the value at hand for a sentence: max_failures, order[2].
func (d *decoder) subject() string {
	for i := len(d.path) - 1; i >= 0; i-- {
		if _, ok := d.path[i].(string); ok {
			return d.path[i:].String()
		}
	}
	return "this"
}

// text is a scalar with its templates expanded. It is not ok if there is none,
// or if it depends on a variable that only a launch binds.
func (d *decoder) text(n *node, wanted string) (text string, ok bool) {
	if n.kind != scalar {
		d.fail(n.at, "%s is %s, not %s", d.subject(), n.kind, wanted)
		return "", false
	}
	text, unbound := d.bindings.Expand(n.text)
	for _, u := range unbound {
		if d.late && task.IsLate(u.Variable) {
			d.wait(u.Variable)
			continue
		}
		d.fail(d.locate(n, u.Offset), "%s", u.Reason)
	}
	return text, len(unbound) == 0
}

// wait notes that the entry at hand needs a variable of the launch.
func (d *decoder) wait(variable string) {
	d.waits++
	entry := 0
	if len(d.path) > 1 && (d.path[0] == "jobs" || d.path[0] == "tasks") {
		entry, _ = d.path[1].(int)
	}
	if d.pending[entry] == nil {
		d.pending[entry] = make(map[string]bool)
	}
	d.pending[entry][variable] = true
}

// locate finds a template of a scalar in the file: its line if the scalar is
// written line by line, its column if the line shows it.
func (d *decoder) locate(n *node, offset int) position {
	at, before := n.at, n.text[:offset]
	from := at.col - 1
	if n.block {
		at.line, from = at.line+1+strings.Count(before, "\n"), 0
		before = before[strings.LastIndex(before, "\n")+1:]
	}
	if at.line > len(d.lines) {
		return n.at
	}
	template, _, _ := strings.Cut(n.text[offset:], "}}")
	line := []rune(d.lines[at.line-1])
	rest := string(line[min(from, len(line)):])
	column := from
	for range strings.Count(before, template) + 1 {
		i := strings.Index(rest, template)
		if i < 0 {
			return position{at.line, max(1, at.col)}
		}
		column += utf8.RuneCountInString(rest[:i]) + 1
		rest = rest[i+1:]
	}
	return position{at.line, column}
}
