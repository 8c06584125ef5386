package shim

import (
	"errors"
	"strconv"
)

func appendDecimal(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

func cutString(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return "", false
	}
	return s[len(prefix):], true
}

func decimalString(n int) string { return strconv.Itoa(n) }

// duration reads "5s", "250ms" or "5" into nanoseconds.
func duration(s string) (int64, error) {
	list, err := durations(s)
	if err != nil || len(list) != 1 {
		return 0, errors.New("not a duration: " + strconv.Quote(s))
	}
	return list[0], nil
}

// durations reads "0,5s,250ms" into nanoseconds.
func durations(s string) ([]int64, error) {
	var list []int64
	for rest := s; ; {
		comma := len(rest)
		for i := 0; i < len(rest); i++ {
			if rest[i] == ',' {
				comma = i
				break
			}
		}
		part, unit := rest[:comma], int64(1_000_000_000)
		switch n := len(part); {
		case n > 2 && part[n-2:] == "ms":
			part, unit = part[:n-2], 1_000_000
		case n > 1 && part[n-1] == 's':
			part = part[:n-1]
		}
		v, err := strconv.ParseInt(part, 10, 32)
		if err != nil || v < 0 {
			return nil, errors.New("not a list of durations: " + strconv.Quote(s))
		}
		list = append(list, v*unit)
		if comma == len(rest) {
			return list, nil
		}
		rest = rest[comma+1:]
	}
}
