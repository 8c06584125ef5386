package file

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is what is wrong, or doubtful, at one place of a file. Line and Col
// count from 1, Col in characters.
type Error struct {
	File     string
	Line     int
	Col      int
	Sentence string
}

func (e Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Sentence)
}

// Errors are all that was found in a file, in the order of their places.
type Errors []Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted orders errors by place and drops what is said twice.
func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.Compact(es)
}

// err is nil if there are none.
func (es Errors) err() error {
	if len(es) == 0 {
		return nil
	}
	return es.sorted()
}
