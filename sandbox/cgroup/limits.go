package cgroup

// Limits is all that a group is held to. A zero field is no limit: one that is
// there is taken away.
type Limits struct {
	CPU     float64 // cores: the share where there is not enough for all. 1 = 1024 shares (v1) = weight 100 (v2)
	CPUHard float64 // cores: never more
	RAM     int64   // bytes, page cache included
	RAMSoft int64   // bytes: above, the kernel reclaims and slows down (v2: memory.high)
	Swap    *int64  // bytes beside RAM; nil: as the machine has it
	Pids    int64   // processes and threads

	IOWeight int    // 1 to 10000, 100 is the kernel's default
	IORead   int64  // bytes/s, of the device that IOPath is on
	IOWrite  int64  // bytes/s, likewise
	IOPath   string // a file or directory; needed with IORead and IOWrite

	CPUSet   string // "0-3,7"
	OOMGroup bool   // an OOM kill ends all of the group

	// Defaults are those of the limits above that nobody asked for: where the
	// kernel has no such limit they are Unapplied, not errors.
	Defaults map[What]bool
}

// What names one limit, in the words of a task file.
type What string

const (
	CPU      What = "cpu"
	CPUHard  What = "cpu_hard"
	RAM      What = "ram"
	RAMSoft  What = "ram_soft"
	Swap     What = "swap"
	Pids     What = "pids"
	IOWeight What = "io_weight"
	IORead   What = "io_read"
	IOWrite  What = "io_write"
	CPUSet   What = "cpuset"
	OOMGroup What = "oom_group"
)

// Unapplied is a limit that this kernel does not have and nobody asked for.
// (OOMGroup on v1 always is: who watches OOM must kill the others himself.)
type Unapplied struct {
	What What   `json:"what"`
	Why  string `json:"why"`
}

// BelowUse is the error of Limit where a limit would be below what is used now
// and the kernel does not take it (v1), or would have to kill for it (v2).
type BelowUse struct {
	What  What
	Asked int64
	Used  int64
	File  string
	Cause error // the kernel's, if it was asked
}

func (b *BelowUse) Error() string { return string(b.What) + " is below what is used" }

func (b *BelowUse) Unwrap() error { return b.Cause }

// Limit holds the group to l. It writes only what differs, so it may be
// repeated. A limit that was asked for and that the kernel refuses is an error
// that names file, value and errno. Limits that can be lowered only so far are
// an error *BelowUse, and what was written before it stays written.
func (g Group) Limit(l Limits) ([]Unapplied, error) { return nil, errUnfinished }
