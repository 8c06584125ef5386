package task

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time. In a file it is a number of seconds (fractions
// allowed) or a string such as "250ms", "2m" or "1h30m"; in JSON that we write
// it is a string.
type Duration time.Duration

// Size is a number of bytes. In a file it is a number or a string such as
// "128MB" (powers of 1024); in JSON that we write it is a number.
type Size int64

// ParseDuration reads a number of seconds, or a number with a unit. The result
// may be negative.
func ParseDuration(text string) (Duration, error) {
	if d, err := time.ParseDuration(text + "s"); err == nil && isNumber(text) {
		return Duration(d), nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return Duration(d), nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(seconds) {
		return 0, fmt.Errorf("%s is not a duration: write seconds (2.5) or units (250ms, 2m, 1h30m)", Quote(text))
	}
	if ns := seconds * 1e9; math.Abs(ns) < math.MaxInt64 {
		return Duration(ns), nil
	}
	return 0, fmt.Errorf("%s is too long: the longest duration is %s", Quote(text), Duration(math.MaxInt64))
}

// isNumber tells a number of seconds from one with units, "5" from "5m".
func isNumber(text string) bool {
	return strings.Trim(text, "+-.0123456789") == ""
}

// String is the shortest form: "10m", "1h30m", "250ms".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the string form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON accepts a number of seconds or a string.
func (d *Duration) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return fmt.Errorf("read a duration: %w", err)
	}
	*d, err = ParseDuration(text)
	return err
}

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"TB", 1 << 40}, {"TiB", 1 << 40},
	{"GB", 1 << 30}, {"GiB", 1 << 30},
	{"MB", 1 << 20}, {"MiB", 1 << 20},
	{"KB", 1 << 10}, {"kB", 1 << 10}, {"KiB", 1 << 10},
	{"B", 1},
}

// ParseSize reads a number of bytes, or a number with one of the units B, KB,
// MB, GB, TB, which are powers of 1024. The result may be negative.
func ParseSize(text string) (Size, error) {
	number, unit := text, int64(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = strings.TrimRight(n, " "), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/unit || n < math.MinInt64/unit {
			return 0, fmt.Errorf("%s is too large", Quote(text))
		}
		return Size(n * unit), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(f) {
		return 0, fmt.Errorf("%s is not a size: write bytes (1048576) or units (512KB, 128MB, 1.5GB)", Quote(text))
	}
	bytes := f * float64(unit)
	switch {
	case math.Abs(bytes) >= math.MaxInt64:
		return 0, fmt.Errorf("%s is too large", Quote(text))
	case bytes != math.Trunc(bytes):
		return 0, fmt.Errorf("%s is not a whole number of bytes", Quote(text))
	}
	return Size(bytes), nil
}

// String is the largest unit that is exact: "128MB", "1000B".
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.suffix
		}
	}
	return "0B"
}

// UnmarshalJSON accepts a number of bytes or a string.
func (s *Size) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return fmt.Errorf("read a size: %w", err)
	}
	*s, err = ParseSize(text)
	return err
}

// scalar is the text of a JSON string or number.
func scalar(data []byte) (string, error) {
	switch {
	case len(data) > 0 && data[0] == '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return "", err
		}
		return text, nil
	case len(data) > 0 && (data[0] == '-' || data[0] >= '0' && data[0] <= '9'):
		return string(data), nil
	}
	return "", fmt.Errorf("%s is neither a string nor a number", Quote(string(data)))
}
