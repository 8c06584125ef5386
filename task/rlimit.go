package task

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Rlimit is one resource limit, setrlimit(2), in the unit that the kernel has
// for it: bytes, seconds (cpu), microseconds (rttime), or things. A process may
// raise its own Soft up to Hard.
type Rlimit struct {
	Soft uint64 `json:"soft"`
	Hard uint64 `json:"hard"`
}

// Unlimited is no limit, the kernel's RLIM_INFINITY.
const Unlimited uint64 = math.MaxUint64

// RlimitNames are the kernel's limits, without RLIMIT_ and in small letters.
var RlimitNames = []string{"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue",
	"nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}

// RlimitInBytes tells the limits that may be written as 8MB.
func RlimitInBytes(name string) bool {
	return slices.Contains([]string{"as", "core", "data", "fsize", "memlock", "rss", "stack"}, name)
}

// DefaultRlimits are the limits of a process of which nothing is said: those
// that systemd gives to a service, and the kernel's where systemd has none.
// Nobody has asked for them: where whoever starts the task may not have them,
// they are cut down to his own hard limit, and that is no failure.
//
//   - nofile 1024, raised by the process itself up to 524288: programs that use
//     select(2) break beyond 1024, and those that want more know how to ask;
//   - core 0, raised up to unlimited: a crash leaves no dump that nobody wanted;
//   - memlock 8 MB, stack 8 MB (raised up to unlimited), msgqueue 800 KB;
//   - nice 0 and rtprio 0: no process raises its own priority;
//   - everything else unlimited.
//
// nproc and sigpending are absent and stay what they are: the kernel derives
// them from the machine's memory, and they count all that a user has on the
// machine, whatever task it belongs to. What bounds a task is Resources.Pids.
func DefaultRlimits() map[string]Rlimit {
	all := func(n uint64) Rlimit { return Rlimit{n, n} }
	return map[string]Rlimit{
		"as": all(Unlimited), "cpu": all(Unlimited), "data": all(Unlimited), "fsize": all(Unlimited),
		"locks": all(Unlimited), "rss": all(Unlimited), "rttime": all(Unlimited),
		"core": {0, Unlimited}, "stack": {8 << 20, Unlimited},
		"memlock": all(8 << 20), "msgqueue": all(819200),
		"nice": all(0), "rtprio": all(0),
		"nofile": {1024, 524288},
	}
}

// ParseRlimit reads "unlimited", a whole number, or, for a limit that is in
// bytes, a size.
func ParseRlimit(name, text string) (uint64, error) {
	if text == "unlimited" {
		return Unlimited, nil
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	if n, err := ParseSize(text); err == nil && n >= 0 && (RlimitInBytes(name) || isWhole(text)) {
		return uint64(n), nil
	}
	if RlimitInBytes(name) {
		return 0, fmt.Errorf("%s is not a limit: write a size (8388608, 8MB) or unlimited", Quote(text))
	}
	return 0, fmt.Errorf("%s is not a limit: write a whole number or unlimited", Quote(text))
}

func isWhole(text string) bool {
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && f == math.Trunc(f)
}

// bound is one of the two numbers in JSON: a number or "unlimited".
type bound uint64

func (b bound) MarshalJSON() ([]byte, error) {
	if uint64(b) == Unlimited {
		return []byte(`"unlimited"`), nil
	}
	return strconv.AppendUint(nil, uint64(b), 10), nil
}

func (b *bound) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return fmt.Errorf("read a limit: %w", err)
	}
	n, err := ParseRlimit("", text)
	*b = bound(n)
	return err
}

// MarshalJSON writes both numbers.
func (r Rlimit) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Soft bound `json:"soft"`
		Hard bound `json:"hard"`
	}{bound(r.Soft), bound(r.Hard)})
}

// UnmarshalJSON accepts what MarshalJSON writes, and one number for both.
func (r *Rlimit) UnmarshalJSON(data []byte) error {
	var both bound
	if both.UnmarshalJSON(data) == nil {
		*r = Rlimit{uint64(both), uint64(both)}
		return nil
	}
	var two struct {
		Soft bound `json:"soft"`
		Hard bound `json:"hard"`
	}
	if err := json.Unmarshal(data, &two); err != nil {
		return err
	}
	*r = Rlimit{uint64(two.Soft), uint64(two.Hard)}
	return nil
}

// RlimitNumber is the kernel's number of a limit of RlimitNames (the generic
// ones of include/uapi/asm-generic/resource.h, which all that Dewar is built
// for have), or -1.
func RlimitNumber(name string) int {
	return slices.Index([]string{"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
		"memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"}, name)
}
