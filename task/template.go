package task

import (
	"fmt"
	"slices"
	"strings"
)

// A template is {{, characters other than braces, and }}. Whatever else has
// two braces, such as ${#x} or {a,{b,c}}, is plain text.
//
//	{{name}} {{profile.x}} {{thermos.ports[http]}}   the variable's value
//	{{&anything}}                                    the text {{anything}}
//	{{anything else}}                                an error: it says to write {{&anything else}}
//
// Spaces next to the braces do not matter. A value may contain templates in
// turn.

// Expand replaces the templates in text by the values of their variables.
// Those of variables that nothing binds are left as they are and returned, as
// are templates that are wrong.
func (b Bindings) Expand(text string) (string, []Unbound) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	e := expansion{bindings: b}
	return e.expand(text), e.unbound
}

// Ports are the names of the ports that the templates in text name, bound or
// not, with the place of each template, or of the one whose value names it.
func (b Bindings) Ports(text string) map[string]int {
	if !strings.Contains(text, "{{") {
		return nil
	}
	e := expansion{bindings: b, ports: make(map[string]int)}
	e.expand(text)
	return e.ports
}

// Unbound is a template that could not be replaced.
type Unbound struct {
	Offset   int    // of the template in the text; of the outermost one, if it came from a value
	Variable string // "" if the template names none
	Reason   string // a sentence
}

type expansion struct {
	bindings Bindings
	within   []string // variables whose values are being expanded
	outer    int      // offset of the outermost template
	unbound  []Unbound
	ports    map[string]int // by name: the offset of the first; nil: nobody asks
}

func (e *expansion) expand(text string) string {
	var out strings.Builder
	done := 0
	for {
		start, end := nextTemplate(text, done)
		if start < 0 {
			break
		}
		e.unclosed(text[:start], done)
		if len(e.within) == 0 {
			e.outer = start
		}
		out.WriteString(text[done:start])
		out.WriteString(e.replace(text[start:end]))
		done = end
	}
	e.unclosed(text, done)
	if done == 0 {
		return text
	}
	out.WriteString(text[done:])
	return out.String()
}

// nextTemplate finds the first template at or after from; -1 if there is none.
func nextTemplate(text string, from int) (start, end int) {
	for at := from; ; {
		i := strings.Index(text[at:], "{{")
		if i < 0 {
			return -1, -1
		}
		start = at + i
		length := strings.IndexAny(text[start+2:], "{}")
		if length < 0 {
			return -1, -1
		}
		if end = start + 2 + length; strings.HasPrefix(text[end:], "}}") {
			return start, end + 2
		}
		at = start + 1
	}
}

// replace is what stands for one template in the result.
func (e *expansion) replace(template string) string {
	inside := template[2 : len(template)-2]
	if literal, ok := strings.CutPrefix(inside, "&"); ok {
		return "{{" + literal + "}}"
	}
	name := strings.Trim(inside, " ")
	if port := PortOf(name); port != "" && e.ports != nil {
		if _, known := e.ports[port]; !known {
			e.ports[port] = e.outer
		}
	}
	switch value, bound := e.bindings[name]; {
	case !isVariable(name):
		e.fail("", "%s is not a template: write {{name}} for the value of a variable, or {{&%s}} for the text itself", template, inside)
	case slices.Contains(e.within, name):
		e.fail(name, "{{%s}} is bound to itself: %s", name, strings.Join(append(e.within[slices.Index(e.within, name):], name), " → "))
	case !bound:
		e.fail(name, "%s", e.bindings.missing(name))
	default:
		e.within = append(e.within, name)
		value = e.expand(value)
		e.within = e.within[:len(e.within)-1]
		return value
	}
	return template
}

func (e *expansion) fail(variable, format string, args ...any) {
	e.unbound = append(e.unbound, Unbound{e.outer, variable, fmt.Sprintf(format, args...)})
}

// unclosed finds templates that only lack a brace.
func (e *expansion) unclosed(text string, from int) {
	for _, scope := range []string{"{{thermos.", "{{mesos."} {
		if i := strings.Index(text[from:], scope); i >= 0 {
			if len(e.within) == 0 {
				e.outer = from + i
			}
			e.fail("", "%s… is not closed: it wants }}, and no braces before", scope)
		}
	}
}

// Escape writes text so that Expand gives it back.
func Escape(text string) string {
	var out strings.Builder
	done := 0
	for start, end := nextTemplate(text, 0); start >= 0; start, end = nextTemplate(text, end) {
		out.WriteString(text[done:start] + "{{&" + text[start+2:end])
		done = end
	}
	return out.String() + text[done:]
}
