package file

import (
	"fmt"
	"strconv"

	"github.com/dewarhq/dewar/task"
)

// kind is how a node becomes a T, and what a JSON Schema says of it.
type kind[T any] struct {
	decode func(d *decoder, n *node, to *T)
	schema func(defs schema) schema
}

type schema = map[string]any

// template is the pattern of texts whose value only a binding decides.
const template = `\{\{[^{}]*\}\}`

func fixed(s schema) func(schema) schema { return func(schema) schema { return s } }

// parsed is a kind of scalar. A text that depends on a variable of the launch
// cannot be parsed yet, and leaves the default.
func parsed[T any](wanted string, s schema, parse func(string) (T, error)) kind[T] {
	return kind[T]{
		decode: func(d *decoder, n *node, to *T) {
			text, ok := d.text(n, wanted)
			if !ok {
				return
			}
			value, err := parse(text)
			if err != nil {
				d.fail(n.at, "%s: %s", d.subject(), err)
				return
			}
			*to = value
		},
		schema: fixed(s),
	}
}

// text keeps the templates that a launch will bind.
var text = kind[string]{
	decode: func(d *decoder, n *node, to *string) {
		*to, _ = d.text(n, "text")
	},
	schema: fixed(schema{"type": []string{"string", "number", "boolean"}}),
}

var boolean = parsed("true or false",
	schema{"anyOf": []any{schema{"type": "boolean"}, matching(`^(true|false)$`)}},
	func(text string) (bool, error) {
		switch text {
		case "true", "false":
			return text == "true", nil
		}
		return false, fmt.Errorf("%s is neither true nor false: write one of them", task.Quote(text))
	})

func integer(minimum int) kind[int] {
	return parsed("a whole number",
		schema{"anyOf": []any{schema{"type": "integer", "minimum": minimum}, matching(`^[+]?[0-9]+$`)}},
		parseInteger)
}

var number = parsed("a number",
	schema{"anyOf": []any{schema{"type": "number", "exclusiveMinimum": 0}, matching(`^[+]?[0-9.]+(e[+-]?[0-9]+)?$`)}},
	func(text string) (float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is not a number", task.Quote(text))
		}
		return f, nil
	})

var duration = parsed("a duration",
	schema{"anyOf": []any{schema{"type": "number", "minimum": 0}, matching(`^[+]?[0-9.]+(e[+-]?[0-9]+|(ns|us|µs|μs|ms|s|m|h)([0-9.]+(ns|us|µs|μs|ms|s|m|h))*)?$`)}},
	task.ParseDuration)

var size = parsed("a size",
	schema{"anyOf": []any{schema{"type": "integer", "exclusiveMinimum": 0}, matching(`^[+]?[0-9.]+(e[+-]?[0-9]+)? *([KMGT]i?B|kB|B)?$`)}},
	task.ParseSize)

var signal = parsed("a signal",
	schema{"anyOf": []any{schema{"type": "integer", "minimum": 1, "maximum": 64}, matching(`^([0-9]+|[A-Za-z][A-Za-z0-9+]+)$`)}},
	task.ParseSignal)

// matching allows a text of a pattern, or one that contains a template.
func matching(pattern string) schema {
	return schema{"type": "string", "pattern": pattern + "|" + template}
}

// choice takes any text: task.Validate says which are allowed.
func choice[T ~string](of []T) kind[T] {
	words := make([]any, len(of))
	for i, w := range of {
		words[i] = string(w)
	}
	return parsed("a word",
		schema{"anyOf": []any{schema{"enum": words}, schema{"type": "string", "pattern": template}}},
		func(text string) (T, error) { return T(text), nil })
}

// positive refuses a zero that is written down, where the zero of the type
// means that nothing is.
func positive[T ~int | ~int64 | ~float64](k kind[T]) kind[T] {
	return kind[T]{
		decode: func(d *decoder, n *node, to *T) {
			value, errors, waits := T(1), len(d.errs), d.waits
			k.decode(d, n, &value)
			switch {
			case len(d.errs) > errors || d.waits > waits: // the default stays
			case value == 0:
				d.fail(n.at, "%s is 0: it must be positive", d.subject())
			default:
				*to = value
			}
		},
		schema: func(defs schema) schema { return withNumber(k.schema(defs), "exclusiveMinimum") },
	}
}

// optional is a value whose absence means something.
func optional[T any](k kind[T]) kind[*T] {
	return kind[*T]{
		decode: func(d *decoder, n *node, to **T) {
			*to = new(T)
			k.decode(d, n, *to)
		},
		schema: k.schema,
	}
}

func listOf[T any](k kind[T]) kind[[]T] {
	return kind[[]T]{
		decode: func(d *decoder, n *node, to *[]T) {
			if n.kind != list {
				d.fail(n.at, "%s is %s, not a list", d.subject(), n.kind)
				return
			}
			*to = make([]T, len(n.items))
			for i, item := range n.items {
				d.within(i, func() { present(d, k, item, &(*to)[i]) })
			}
		},
		schema: func(defs schema) schema { return schema{"type": "array", "items": k.schema(defs)} },
	}
}

func mapOf[T any](k kind[T]) kind[map[string]T] {
	return kind[map[string]T]{
		decode: func(d *decoder, n *node, to *map[string]T) {
			if n.kind != object {
				d.fail(n.at, "%s is %s, not a map of names to values", d.subject(), n.kind)
				return
			}
			*to = make(map[string]T, len(n.fields))
			for _, m := range n.fields {
				var value T
				d.within(m.key, func() { present(d, k, m.value, &value) })
				(*to)[m.key] = value
			}
		},
		schema: func(defs schema) schema {
			return schema{"type": "object", "additionalProperties": k.schema(defs)}
		},
	}
}

// present decodes a value that must not be left out.
func present[T any](d *decoder, k kind[T], n *node, to *T) {
	if n.kind == null {
		d.fail(n.at, `%s has no value: give it one, such as "" for an empty text, or take it away`, d.subject())
		return
	}
	k.decode(d, n, to)
}
