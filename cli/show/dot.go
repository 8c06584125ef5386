package show

import (
	"fmt"
	"sort"
	"strings"

	"github.com/dewarhq/dewar/task"
)

// Edge is one arrow of a task's graph: To starts when From is in the
// condition When.
type Edge struct {
	From string    `json:"from"`
	To   string    `json:"to"`
	When task.When `json:"when"`
}

// Edges are all arrows of a task, those of its orders and those of its
// processes, each once, in the order of what they lead to.
func Edges(t task.Task) []Edge {
	edges := []Edge{}
	for i, into := range t.Edges() {
		for _, e := range into {
			edges = append(edges, Edge{e.Process, t.Processes[i].Name, e.When})
		}
	}
	return edges
}

// Dot is a task's graph in Graphviz' language. states, which may be nil, gives
// the state of processes: they are coloured by it.
func Dot(t task.Task, states map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n", quote(t.Name))
	b.WriteString("\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n")
	var final []string
	for _, p := range t.Processes {
		if p.Final {
			final = append(final, node(p, states[p.Name]))
		} else {
			b.WriteString("\t" + node(p, states[p.Name]))
		}
	}
	if len(final) > 0 {
		b.WriteString("\tsubgraph cluster_final {\n\t\tlabel=\"finalizers\";\n\t\tstyle=dashed;\n")
		for _, n := range final {
			b.WriteString("\t\t" + n)
		}
		b.WriteString("\t}\n")
	}
	for _, e := range Edges(t) {
		label := ""
		if e.When != task.WhenSuccess {
			label = fmt.Sprintf(" [label=%s, style=dashed]", quote(string(e.When)))
		}
		fmt.Fprintf(&b, "\t%s -> %s%s;\n", quote(e.From), quote(e.To), label)
	}
	b.WriteString("}\n")
	return b.String()
}

var fills = map[string]string{
	"FORKED": "lightyellow", "RUNNING": "lightblue", "SUCCESS": "palegreen",
	"FAILED": "salmon", "KILLED": "lightgrey", "LOST": "orange",
}

func node(p task.Process, state string) string {
	label := p.Name
	var kinds []string
	if p.Daemon {
		kinds = append(kinds, "daemon")
	}
	if p.Ephemeral {
		kinds = append(kinds, "ephemeral")
	}
	if state != "" {
		kinds = append(kinds, state)
	}
	if len(kinds) > 0 {
		label += "\n" + strings.Join(kinds, ", ")
	}
	attributes := map[string]string{"label": label}
	var styles []string
	if p.Ephemeral {
		styles = append(styles, "dashed")
	}
	if p.Daemon {
		attributes["peripheries"] = "2"
	}
	if fill := fills[state]; fill != "" {
		styles = append(styles, "filled")
		attributes["fillcolor"] = fill
	}
	if len(styles) > 0 {
		attributes["style"] = strings.Join(styles, ",")
	}
	return quote(p.Name) + " [" + list(attributes) + "];\n"
}

func list(attributes map[string]string) string {
	var all []string
	for name, value := range attributes {
		all = append(all, name+"="+quote(value))
	}
	sort.Strings(all)
	return strings.Join(all, ", ")
}

// quote is a string in Graphviz' quotes: only the quote and the backslash mean
// something there, and a line's end is written \n.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
