package file

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/dewarhq/dewar/task"
)

// hardCPUs may be true, which stands for as many as cpu until the task is
// filled in.
var hardCPUs = kind[float64]{
	decode: func(d *decoder, n *node, to *float64) {
		parsed("a number or true", nil, func(text string) (float64, error) {
			switch f, err := strconv.ParseFloat(text, 64); {
			case text == "true":
				return task.HardAsCPU, nil
			case text == "false":
				return 0, nil
			case err != nil:
				return 0, fmt.Errorf("%s is neither a number nor true", task.Quote(text))
			case !(f >= 0.01):
				return 0, fmt.Errorf("%v is too little: the least number of CPUs is 0.01", f)
			default:
				return f, nil
			}
		}).decode(d, n, to)
	},
	schema: fixed(schema{"anyOf": []any{schema{"type": "number", "minimum": 0.01}, schema{"type": "boolean"},
		matching(`^(true|false|[+]?[0-9.]+(e[+-]?[0-9]+)?)$`)}}),
}

// signed is a whole number on either side of zero; task.Validate says which.
func signed(least, most int) kind[int] {
	return parsed("a whole number",
		schema{"anyOf": []any{schema{"type": "integer", "minimum": least, "maximum": most}, matching(`^[+-]?[0-9]+$`)}},
		parseInteger)
}

func parseInteger(text string) (int, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, fmt.Errorf("%s is not a whole number", task.Quote(text))
	}
	return int(f), nil
}

var umask = parsed("a umask",
	schema{"anyOf": []any{schema{"type": "integer", "minimum": 0, "maximum": 777}, matching(`^(0o)?0*[0-7]{1,3}$`)}},
	task.ParseUmask)

// atLeastZero allows a zero where the kind's schema does not.
func atLeastZero[T any](k kind[T]) kind[T] {
	return kind[T]{decode: k.decode, schema: func(defs schema) schema { return withNumber(k.schema(defs), "minimum") }}
}

// withNumber puts 0 as a bound of the first alternative, a number.
func withNumber(s schema, bound string) schema {
	alternatives := slices.Clone(s["anyOf"].([]any))
	number := maps.Clone(alternatives[0].(schema))
	delete(number, "minimum")
	delete(number, "exclusiveMinimum")
	number[bound] = 0
	alternatives[0] = number
	return schema{"anyOf": alternatives}
}

// rlimits are by names, of which some are in bytes.
var rlimits = kind[map[string]task.Rlimit]{
	decode: func(d *decoder, n *node, to *map[string]task.Rlimit) {
		if n.kind != object {
			d.fail(n.at, "%s is %s, not a map of names to limits, as in {nofile: 4096}", d.subject(), n.kind)
			return
		}
		*to = make(map[string]task.Rlimit, len(n.fields))
		for _, m := range n.fields {
			d.within(m.key, func() {
				if sentence := task.NoRlimit(m.key); sentence != "" {
					d.fail(m.at, "%s", sentence)
					return
				}
				var limit task.Rlimit
				present(d, rlimit(m.key), m.value, &limit)
				(*to)[m.key] = limit
			})
		}
	},
	schema: func(defs schema) schema {
		properties := schema{}
		for _, name := range task.RlimitNames {
			properties[name] = rlimit(name).schema(defs)
		}
		return schema{"type": "object", "properties": properties, "additionalProperties": false}
	},
}

// rlimit is one number for both bounds, or both.
func rlimit(name string) kind[task.Rlimit] {
	one, two := rlimitBound(name), twoBounds(name).kind()
	return kind[task.Rlimit]{
		decode: func(d *decoder, n *node, to *task.Rlimit) {
			if n.kind == object {
				two.decode(d, n, to)
				return
			}
			one.decode(d, n, &to.Soft)
			to.Hard = to.Soft
		},
		schema: func(defs schema) schema {
			return schema{"anyOf": append(slices.Clone(one.schema(defs)["anyOf"].([]any)), two.schema(defs))}
		},
	}
}

func twoBounds(name string) *structure[task.Rlimit] {
	s := structure[task.Rlimit]{
		name:  "a limit",
		doc:   "A limit of its own and one up to which a process may raise it.",
		empty: zero[task.Rlimit],
		rows: []row[task.Rlimit]{
			field("soft", rlimitBound(name), func(r *task.Rlimit) *uint64 { return &r.Soft }, "What holds.").must(),
			field("hard", rlimitBound(name), func(r *task.Rlimit) *uint64 { return &r.Hard }, "Up to which a process may raise soft.").must(),
		},
	}
	if task.RlimitInBytes(name) {
		s.name = "a limit in bytes"
	}
	return &s
}

func rlimitBound(name string) kind[uint64] {
	pattern := `^(unlimited|[0-9]+)$`
	if task.RlimitInBytes(name) {
		pattern = `^(unlimited|[+]?[0-9.]+(e[+-]?[0-9]+)? *([KMGT]i?B|kB|B)?)$`
	}
	return parsed("a limit",
		schema{"anyOf": []any{schema{"type": "integer", "minimum": 0}, matching(pattern)}},
		func(text string) (uint64, error) { return task.ParseRlimit(name, text) })
}
