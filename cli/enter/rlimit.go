package enter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Rlimit is one limit of setrlimit(2).
type Rlimit struct {
	Resource int
	Soft     uint64
	Hard     uint64
}

// names are what /proc/<pid>/limits calls the limits.
var names = []struct {
	name     string
	resource int
}{
	{"Max cpu time", unix.RLIMIT_CPU},
	{"Max file size", unix.RLIMIT_FSIZE},
	{"Max data size", unix.RLIMIT_DATA},
	{"Max stack size", unix.RLIMIT_STACK},
	{"Max core file size", unix.RLIMIT_CORE},
	{"Max resident set", unix.RLIMIT_RSS},
	{"Max processes", unix.RLIMIT_NPROC},
	{"Max open files", unix.RLIMIT_NOFILE},
	{"Max locked memory", unix.RLIMIT_MEMLOCK},
	{"Max address space", unix.RLIMIT_AS},
	{"Max file locks", unix.RLIMIT_LOCKS},
	{"Max pending signals", unix.RLIMIT_SIGPENDING},
	{"Max msgqueue size", unix.RLIMIT_MSGQUEUE},
	{"Max nice priority", unix.RLIMIT_NICE},
	{"Max realtime priority", unix.RLIMIT_RTPRIO},
	{"Max realtime timeout", unix.RLIMIT_RTTIME},
}

// parseLimits reads /proc/<pid>/limits. What it does not know it passes over.
//
//	Limit                     Soft Limit           Hard Limit           Units
//	Max open files            1024                 524288               files
func parseLimits(text string) (all []Rlimit) {
	for line := range strings.Lines(text) {
		for _, n := range names {
			rest, ok := strings.CutPrefix(line, n.name+" ")
			fields := strings.Fields(rest)
			if !ok || len(fields) < 2 {
				continue
			}
			soft, err1 := parseLimit(fields[0])
			hard, err2 := parseLimit(fields[1])
			if err1 == nil && err2 == nil {
				all = append(all, Rlimit{n.resource, soft, hard})
			}
		}
	}
	return all
}

func parseLimit(text string) (uint64, error) {
	if text == "unlimited" {
		return unix.RLIM_INFINITY, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// set makes it ours. Who may not have more keeps the hard limit that he has.
func (l Rlimit) set() error {
	var own unix.Rlimit
	if err := unix.Prlimit(0, l.Resource, nil, &own); err != nil {
		return fmt.Errorf("ask for limit %d: %w", l.Resource, err)
	}
	is := unix.Rlimit{Cur: l.Soft, Max: l.Hard}
	err := unix.Prlimit(0, l.Resource, &is, nil)
	if errors.Is(err, unix.EPERM) {
		is.Max = min(is.Max, own.Max)
		is.Cur = min(is.Cur, is.Max)
		err = unix.Prlimit(0, l.Resource, &is, nil)
	}
	if err != nil {
		return fmt.Errorf("set limit %d: %w", l.Resource, err)
	}
	return nil
}
