package file

import "github.com/dewarhq/dewar/task"

type nodeKind string

const (
	object nodeKind = "a map"
	list   nodeKind = "a list"
	scalar nodeKind = "a single value"
	null   nodeKind = "nothing"
)

type position struct{ line, col int }

// node is one value of a file, whichever language it was written in.
type node struct {
	kind   nodeKind
	at     position
	text   string   // of a scalar
	block  bool     // the scalar's lines are lines of the file, from the next one on
	fields []member // of an object, in the order of the file, keys differ
	items  []*node  // of a list
}

type member struct {
	key   string
	at    position
	value *node
}

func (n *node) field(key string) *member {
	for i := range n.fields {
		if n.fields[i].key == key {
			return &n.fields[i]
		}
	}
	return nil
}

// find follows a path as far as the file goes: what is missing in an object is
// reported where the object begins.
func (n *node) find(path task.Path) position {
	at := n.at
	for _, step := range path {
		switch step := step.(type) {
		case int:
			if n.kind != list || step >= len(n.items) {
				return at
			}
			n = n.items[step]
		case string:
			m := n.field(step)
			if m == nil {
				return at
			}
			n = m.value
		}
		at = n.at
	}
	return at
}
