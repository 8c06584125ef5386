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

// member is the value to which one step leads, if it is there.
func (n *node) member(step any) (*node, bool) {
	switch step := step.(type) {
	case int:
		if n.kind == list && step < len(n.items) {
			return n.items[step], true
		}
	case string:
		if m := n.field(step); m != nil {
			return m.value, true
		}
	}
	return nil, false
}

// find follows a path as far as the file goes: what is missing in an object is
// reported where the object begins.
func (n *node) find(path task.Path) position { return n.follow(path).at }

// follow is the value at which a path ends, or the last one that is there.
func (n *node) follow(path task.Path) *node {
	for _, step := range path {
		next, here := n.member(step)
		if !here {
			break
		}
		n = next
	}
	return n
}
