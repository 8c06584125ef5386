package cgroup

import (
	"bytes"
	"strconv"
)

// The kernel's files are small texts in four forms: one value, one value a
// line, "key value" lines (flat keyed), and "key a=1 b=2" lines (nested keyed).
// These readers make no garbage.

// number reads a decimal number; "max" and all that v1 prints for "no limit"
// are -1. ok is false for anything else, and for what is too large.
func number(b []byte) (n int64, ok bool) {
	b = bytes.TrimSpace(b)
	if string(b) == "max" || string(b) == "-1" {
		return -1, true
	}
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var u uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		u = u*10 + uint64(c-'0')
	}
	if u >= noLimit {
		return -1, true
	}
	return int64(u), true
}

// noLimit is where v1's memory files begin to mean "none": they print
// 9223372036854771712, which is LONG_MAX cut to pages.
const noLimit = 1 << 62

// line cuts the first line off b.
func line(b []byte) (first, rest []byte) {
	if at := bytes.IndexByte(b, '\n'); at >= 0 {
		return b[:at], b[at+1:]
	}
	return b, nil
}

// flat answers the value of a key in flat keyed text, -1 if it is not there.
func flat(text []byte, key string) int64 {
	for len(text) > 0 {
		var one []byte
		one, text = line(text)
		if len(one) > len(key) && one[len(key)] == ' ' && string(one[:len(key)]) == key {
			if n, ok := number(one[len(key)+1:]); ok {
				return n
			}
		}
	}
	return -1
}

// nested adds up the values of a key in nested keyed text (io.stat: one line a
// device). Text without the key is 0.
func nested(text []byte, key string) (sum int64) {
	for len(text) > 0 {
		var one []byte
		one, text = line(text)
		for len(one) > 0 {
			var word []byte
			word, one = cutWord(one)
			if len(word) > len(key) && word[len(key)] == '=' && string(word[:len(key)]) == key {
				if n, ok := number(word[len(key)+1:]); ok && n > 0 {
					sum += n
				}
			}
		}
	}
	return sum
}

func cutWord(b []byte) (word, rest []byte) {
	if at := bytes.IndexByte(b, ' '); at >= 0 {
		return b[:at], b[at+1:]
	}
	return b, nil
}

// blkio adds up what v1's "8:0 Read 4096" lines say of an operation.
func blkio(text []byte, operation string) (sum int64) {
	for len(text) > 0 {
		var one []byte
		one, text = line(text)
		_, one = cutWord(one)
		word, value := cutWord(one)
		if string(word) == operation {
			if n, ok := number(value); ok && n > 0 {
				sum += n
			}
		}
	}
	return sum
}

// pressure reads avg10 of the lines "some avg10=0.12 …" and "full …". The
// machine's cpu.pressure of old kernels has no full line: 0.
func pressure(text []byte) (p Pressure) {
	for len(text) > 0 {
		var one []byte
		one, text = line(text)
		kind, rest := cutWord(one)
		avg, _ := cutWord(rest)
		if value, ok := bytes.CutPrefix(avg, []byte("avg10=")); ok {
			switch string(kind) {
			case "some":
				p.Some = hundredths(value)
			case "full":
				p.Full = hundredths(value)
			}
		}
	}
	return p
}

// waited reads the total of the first line of a pressure file, which is that of
// some: microseconds, -1 if there is none.
func waited(text []byte) int64 {
	one, _ := line(text)
	if at := bytes.LastIndexByte(one, '='); at >= 0 {
		if n, ok := number(one[at+1:]); ok {
			return n
		}
	}
	return -1
}

// hundredths reads "12.34".
func hundredths(b []byte) float64 {
	whole, part, _ := bytes.Cut(b, []byte("."))
	w, _ := number(whole)
	f, _ := number(part)
	if len(part) == 1 {
		f *= 10
	}
	return float64(w) + float64(f)/100
}

// pids appends the numbers of a cgroup.procs file.
func pids(to []int, text []byte) []int {
	for len(text) > 0 {
		var one []byte
		one, text = line(text)
		if n, ok := number(one); ok && n >= 0 {
			to = append(to, int(n))
		}
	}
	return to
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
