package top

import (
	"strconv"

	"github.com/dewarhq/dewar/observer/usage"
)

// unknown stands where the kernel does not say, and where there is no limit.
const unknown = "-"

func percent(p float64) string {
	switch {
	case p < 0:
		return unknown
	case p < 100:
		return strconv.FormatFloat(p, 'f', 1, 64)
	}
	return strconv.FormatFloat(p, 'f', 0, 64)
}

// size is a number of bytes in at most five columns: 0, 512, 1.2K, 340M.
func size(n int64) string {
	if n < 0 {
		return unknown
	}
	v, unit := float64(n), 0
	for v >= 1000 && unit < 5 {
		v, unit = v/1024, unit+1
	}
	if unit == 0 {
		return strconv.FormatInt(n, 10)
	}
	digits := 0
	if v < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " KMGTP"[unit:unit+1]
}

func speed(perSecond float64) string { return size(int64(perSecond)) }

func pids(f usage.Figures) string {
	text := unknown
	if f.Pids >= 0 {
		text = strconv.FormatInt(f.Pids, 10)
	}
	if f.PidsLimit >= 0 {
		text += "/" + strconv.FormatInt(f.PidsLimit, 10)
	}
	return text
}
