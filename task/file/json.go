package file

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// fromJSON reads a text that is JSON. The last result is false if it is not;
// it may still be YAML.
func fromJSON(text string) (*node, Errors, bool) {
	if !json.Valid([]byte(text)) {
		return nil, nil, false
	}
	r := &jsonReader{rest: text, at: position{1, 1}}
	return r.value(1), r.errs, true
}

// notJSON says where a text stops being JSON.
func notJSON(text string) Error {
	var syntax *json.SyntaxError
	var value any
	if err := json.Unmarshal([]byte(text), &value); errors.As(err, &syntax) {
		return errorAfter(text[:max(0, int(syntax.Offset)-1)], "this is not JSON: "+syntax.Error())
	}
	return errorAfter("", "this is not JSON")
}

// jsonReader walks over a text that is known to be JSON.
type jsonReader struct {
	rest string
	at   position
	deep bool // too deep: everything further is passed over
	errs Errors
}

func (r *jsonReader) value(depth int) *node {
	r.space()
	n := &node{kind: scalar, at: r.at}
	switch {
	case r.deep || depth > maxDepth:
		if !r.deep {
			r.errs = append(r.errs, tooDeep(r.at))
		}
		r.deep, r.rest = true, ""
	case r.rest[0] == '{':
		n.kind = object
		r.object(n, depth)
	case r.rest[0] == '[':
		n.kind = list
		r.list(n, depth)
	case r.rest[0] == '"':
		n.text = r.quoted()
	default:
		n.text = r.take(scalarLength(r.rest))
		if n.text == "null" {
			n.kind = null
		}
	}
	return n
}

func (r *jsonReader) object(n *node, depth int) {
	known := make(map[string]position)
	for r.another('}') {
		m := member{at: r.at}
		m.key = r.quoted()
		r.space()
		r.take(1) // the colon
		m.value = r.value(depth + 1)
		if first, twice := known[m.key]; twice {
			r.errs = append(r.errs, twiceError(m, first))
			continue
		}
		known[m.key] = m.at
		n.fields = append(n.fields, m)
	}
}

func (r *jsonReader) list(n *node, depth int) {
	for r.another(']') {
		n.items = append(n.items, r.value(depth+1))
	}
}

// another steps over the bracket or comma before an element, or over the
// bracket at the end.
func (r *jsonReader) another(end byte) bool {
	r.space()
	if r.rest == "" {
		return false
	}
	last := r.rest[0] == end
	r.take(1)
	r.space()
	if !last && r.rest != "" && r.rest[0] == end { // {} and []
		r.take(1)
		last = true
	}
	return !last && r.rest != ""
}

func (r *jsonReader) quoted() string {
	end := 1
	for r.rest[end] != '"' {
		if r.rest[end] == '\\' {
			end++
		}
		end++
	}
	var text string
	source := r.take(end + 1)
	if err := json.Unmarshal([]byte(source), &text); err != nil {
		return source
	}
	return text
}

func (r *jsonReader) space() {
	for r.rest != "" && strings.IndexByte(" \t\r\n", r.rest[0]) >= 0 {
		if r.rest[0] == '\n' {
			r.at = position{r.at.line + 1, 0}
		}
		r.take(1)
	}
}

// take steps over n bytes, none of which is the end of a line.
func (r *jsonReader) take(n int) string {
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	r.at.col += utf8.RuneCountInString(taken)
	return taken
}

func scalarLength(text string) int {
	if end := strings.IndexAny(text, ",]} \t\r\n"); end >= 0 {
		return end
	}
	return len(text)
}
