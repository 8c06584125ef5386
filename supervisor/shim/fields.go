package shim

import "strconv"

// fields is one pass over the table of a format's keys: writing, it appends
// each field to b; reading, it gives the one field at hand to its place, and
// leaves an unknown one.
type fields struct {
	b       []byte
	reading bool
	views   bool // texts are views of what is read, not copies
	key     []byte
	value   []byte
	err     error
}

func (f *fields) is(key string) bool { return string(f.key) == key }

func (f *fields) text(key string, to *string) {
	switch {
	case !f.reading:
		f.b = AppendField(f.b, key, *to)
	case !f.is(key):
	case f.views:
		*to = view(f.value)
	default:
		*to = string(f.value)
	}
}

// number is a function because methods have no type parameters.
func number[T int | int64 | uint64](f *fields, key string, to *T) {
	if !f.reading {
		f.b = AppendInt(f.b, key, int64(*to))
	} else if f.is(key) {
		var n int64
		if n, f.err = parseNumber(f.key, f.value); f.err == nil {
			*to = T(n)
		}
	}
}

func (f *fields) flag(key string, to *bool) {
	n := bit(*to)
	number(f, key, &n)
	if f.reading && f.is(key) {
		*to = n != 0
	}
}

// list is numbers with spaces between them.
func (f *fields) list(key string, to *[]int) {
	if !f.reading {
		f.b = appendInts(f.b, key, *to)
	} else if f.is(key) {
		*to, f.err = ints((*to)[:0], f.key, f.value)
	}
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// appendInts appends a field of numbers with spaces between them.
func appendInts(b []byte, key string, list []int) []byte {
	b = append(b, key...)
	b = append(b, '=')
	for i, n := range list {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, 0)
}

// ints appends to list what appendInts wrote.
func ints(list []int, key, value []byte) ([]int, error) {
	start := 0
	for i := 0; i <= len(value); i++ {
		if i < len(value) && value[i] != ' ' {
			continue
		}
		if i > start {
			n, err := parseNumber(key, value[start:i])
			if err != nil {
				return nil, err
			}
			list = append(list, int(n))
		}
		start = i + 1
	}
	return list, nil
}

// parseNumber parses a decimal number of a field.
func parseNumber(key, value []byte) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return 0, badField(key, value)
	}
	return n, nil
}
