package task

import (
	"errors"
	"strconv"
	"strings"
)

// Path leads from a value to something inside it: field names and keys are
// strings, places in a list are ints. It is how a problem that was found in a
// Task comes back to a line of the file that the task was read from.
type Path []any

// String is written as in Go: processes[3].after[0].process.
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch step := step.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(step) + "]")
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		}
	}
	return b.String()
}

// With is the path to something inside of what p leads to.
func (p Path) With(steps ...any) Path {
	return append(p[:len(p):len(p)], steps...)
}

// Problem is what is wrong, or doubtful, with the value at a path. The
// sentence says what to change and stands without the path.
type Problem struct {
	Path     Path
	Sentence string
}

func (p Problem) Error() string {
	if len(p.Path) == 0 {
		return p.Sentence
	}
	return p.Path.String() + ": " + p.Sentence
}

// Problems are all that was found, in the order of the value's fields.
type Problems []Problem

// Err joins the problems into one error, one line each; nil if there are none.
func (ps Problems) Err() error {
	var errs []error
	for _, p := range ps {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}
