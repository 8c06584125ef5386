package show

import (
	"strconv"
	"time"
)

// Span is a length of time as people say it, in two figures at most:
// "3ms", "1.5s", "42s", "3m10s", "5h07m", "12d04h".
func Span(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', -1, 64) + "s"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return two(d, time.Minute, "m", time.Second, "s")
	case d < 24*time.Hour:
		return two(d, time.Hour, "h", time.Minute, "m")
	}
	return two(d, 24*time.Hour, "d", time.Hour, "h")
}

func two(d, big time.Duration, bigUnit string, small time.Duration, smallUnit string) string {
	rest := strconv.Itoa(int(d % big / small))
	if len(rest) < 2 {
		rest = "0" + rest
	}
	return strconv.Itoa(int(d/big)) + bigUnit + rest + smallUnit
}

// Size is a number of bytes as people say it: "512 B", "3.4 MB".
func Size(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n), 0
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + " KMGT"[unit:unit+1] + "B"
}
