package file

import "github.com/dewarhq/dewar/task"

// port keeps the templates that a launch will bind; task.Validate says what is
// none.
var port = kind[task.Port]{
	decode: func(d *decoder, n *node, to *task.Port) {
		text, _ := d.text(n, "a port")
		*to = task.Port(text)
	},
	schema: fixed(schema{"anyOf": []any{schema{"type": "integer", "minimum": 1, "maximum": 65535}, schema{"type": "boolean"}, matching(`^[A-Za-z0-9_.-]+$`)}}),
}

// turned is what is written as a T and meant as a U.
func turned[T, U any](k kind[T], turn func(T) U) kind[U] {
	return kind[U]{
		decode: func(d *decoder, n *node, to *U) {
			var value T
			k.decode(d, n, &value)
			*to = turn(value)
		},
		schema: k.schema,
	}
}

// oneOf is a list of one.
func oneOf[T any](k kind[T]) kind[[]T] {
	return kind[[]T]{
		decode: func(d *decoder, n *node, to *[]T) {
			*to = make([]T, 1)
			k.decode(d, n, &(*to)[0])
		},
		schema: k.schema,
	}
}

// checkKind is a check, whose grace depends on its role.
var checkKind = kind[task.Check]{
	decode: func(d *decoder, n *node, to *task.Check) {
		checkFields.decode(d, n, to)
		if n.field("initial_interval") == nil {
			to.InitialInterval = task.DefaultGrace(to.Role)
		}
	},
	schema: checks.schema,
}

var checkFields = checks.kind()
