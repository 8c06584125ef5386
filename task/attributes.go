package task

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// Attributes are what a process is started with beside its command. Those of
// the process win over those of the task, and those over our defaults; nothing
// is inherited from whoever starts the task. RlimitsOf, NiceOf, OOMScoreAdjOf
// and UmaskOf have the outcome.
//
// What was asked for and cannot be applied is a failure to start. Without root
// nobody lowers a nice value or an OOM score adjustment, or raises a hard limit.
type Attributes struct {
	Rlimits     map[string]Rlimit `json:"rlimits,omitempty"`       // by names of RlimitNames
	Nice        *int              `json:"nice,omitempty"`          // -20 to 19, the lowest priority
	OOMScoreAdj *int              `json:"oom_score_adj,omitempty"` // -1000 to 1000, the first to be killed
	Umask       *Umask            `json:"umask,omitempty"`
}

const (
	// DefaultNice is the kernel's.
	DefaultNice = 0
	// DefaultOOMScoreAdj makes a payload the victim before any of us.
	DefaultOOMScoreAdj = 100
	// DefaultUmask takes the right to write from everybody but the owner.
	DefaultUmask Umask = 0o022
)

// RlimitsOf are the resource limits of setrlimit(2) for the runs of one of the
// task's processes, by their names: the process', the task's, DefaultRlimits.
func (t Task) RlimitsOf(p Process) map[string]Rlimit {
	limits := DefaultRlimits()
	maps.Copy(limits, t.Rlimits)
	maps.Copy(limits, p.Rlimits)
	return limits
}

// NiceOf is the nice value for the runs of one of the task's processes.
func (t Task) NiceOf(p Process) int { return first(p.Nice, t.Nice, DefaultNice) }

// OOMScoreAdjOf is the content of oom_score_adj (proc(5)) for the runs of one
// of the task's processes.
func (t Task) OOMScoreAdjOf(p Process) int {
	return first(p.OOMScoreAdj, t.OOMScoreAdj, DefaultOOMScoreAdj)
}

// UmaskOf is the umask for the runs of one of the task's processes.
func (t Task) UmaskOf(p Process) Umask { return first(p.Umask, t.Umask, DefaultUmask) }

func first[T any](own, task *T, otherwise T) T {
	switch {
	case own != nil:
		return *own
	case task != nil:
		return *task
	}
	return otherwise
}

// Umask are the permissions that new files do not get, 0 to 0777. In a file
// and in JSON it is written in octal digits, with or without zeros before them.
type Umask uint32

// ParseUmask reads octal digits: "22", "022", "0027", "0o27".
func ParseUmask(text string) (Umask, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("%s is not a umask: write three octal digits, from 000 to 777, as in 027", Quote(text))
	}
	return Umask(n), nil
}

// String has four digits: "0027".
func (u Umask) String() string { return fmt.Sprintf("%04o", uint32(u)) }

// MarshalText writes the string form.
func (u Umask) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalJSON accepts octal digits, in a string or not.
func (u *Umask) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return fmt.Errorf("read a umask: %w", err)
	}
	*u, err = ParseUmask(text)
	return err
}
