package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

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
	IOPath   string // a file or directory, or the device itself; needed with IORead and IOWrite

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

// BelowUse is the error of Limit where a limit would be below what is used now:
// the kernel does not take it (memory of v1), would kill for it (memory of v2),
// or would let nothing start any more (pids).
type BelowUse struct {
	What  What
	Asked int64
	Used  int64
	File  string
	Cause error // the kernel's, if it was asked
}

func (b *BelowUse) Error() string {
	text := fmt.Sprintf("set %s to %d: %d are in use (%s)", b.What, b.Asked, b.Used, b.File)
	if b.Cause != nil {
		text += ": " + b.Cause.Error()
	}
	return text
}

func (b *BelowUse) Unwrap() error { return b.Cause }

// setting is one kernel file and what it is to say.
type setting struct {
	what   What
	asked  bool // it is a limit; else it takes one away
	file   string
	value  string
	cannot string // why no file does it, if none does

	// pick chooses file and value where that depends on what is there.
	pick func(dir string) (file, value string)
	// same says whether the file says it already. Left out: it is the same text.
	same func(current string) bool
	// put writes it where one write is not enough; with always it is not
	// asked what the file says.
	put    func(dir string) error
	always bool
}

// Limit holds the group to l. It writes only what differs, so it may be
// repeated. A limit that was asked for and that the kernel refuses is an error
// that names file, value and errno; one below what is used is a *BelowUse. What
// was written before an error stays written.
func (g Group) Limit(l Limits) ([]Unapplied, error) {
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("limit group %s: %w", g, err)
	}
	if !g.Exists() {
		return nil, fmt.Errorf("limit group %s: %w", g, fs.ErrNotExist)
	}
	var not []Unapplied
	for _, controller := range []string{"cpu", "cpuset", "memory", "io", "pids"} {
		why, err := g.limit(controller, l)
		not = append(not, why...)
		if err != nil {
			return not, fmt.Errorf("limit group %s: %w", g, err)
		}
	}
	return not, nil
}

// limit applies the limits of one controller, wherever it is.
func (g Group) limit(controller string, l Limits) (not []Unapplied, err error) {
	settings, dir, why := g.settings(controller, l)
	for _, one := range settings {
		err := why
		if err == nil {
			err = one.apply(dir)
		}
		switch {
		case err == nil:
		case !one.asked && (missing(err) || why != nil): // no such limit, and nobody wants one
		case one.asked && l.Defaults[one.what] && missing(err), one.what == OOMGroup && missing(err):
			not = append(not, Unapplied{What: one.what, Why: err.Error()})
		default:
			return not, fmt.Errorf("%s: %w", one.what, err)
		}
	}
	return not, nil
}

// settings are what l makes of a controller's files, and where these are. why
// says why there are none.
func (g Group) settings(controller string, l Limits) (all []setting, dir string, why error) {
	files := map[string][2]func(Limits) []setting{
		"cpu":    {cpuV1, cpuV2},
		"cpuset": {cpusetV1, cpusetV2},
		"memory": {memoryV1, memoryV2},
		"io":     {ioV1, ioV2},
		"pids":   {pidsBoth, pidsBoth},
	}[controller]
	at := g.v1(v1Word(controller))
	if at == "" {
		at, files[0] = g.unified(), files[1]
	}
	all = files[0](l)
	asked := slices.ContainsFunc(all, func(s setting) bool { return s.asked })
	switch {
	case g.v1(v1Word(controller)) == "" && asked:
		why = g.has(controller)
	case !exists(at) && asked:
		why = g.makeIn(v1Word(controller))
	}
	for i, one := range all {
		if one.pick != nil {
			all[i].file, all[i].value = one.pick(at)
		}
	}
	return all, at, why
}

// apply writes a file if it says something else.
func (s setting) apply(dir string) error {
	if s.cannot != "" {
		return fmt.Errorf("%s: %w", s.cannot, errors.ErrUnsupported)
	}
	if !s.always {
		current, err := readFile(dir + "/" + s.file)
		if err != nil {
			return err
		}
		if s.same == nil && current == s.value || s.same != nil && s.same(current) {
			return nil
		}
	}
	if s.put != nil {
		return s.put(dir)
	}
	return writeFile(dir+"/"+s.file, s.value)
}

// missing says that the kernel has no such limit, as opposed to refusing it.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || unsupported(err) || errors.Is(err, errors.ErrUnsupported)
}

// check finds what no kernel would take.
func (l Limits) check() error {
	for _, one := range []struct {
		what  What
		value float64
	}{
		{CPU, l.CPU}, {CPUHard, l.CPUHard}, {RAM, float64(l.RAM)}, {RAMSoft, float64(l.RAMSoft)},
		{Pids, float64(l.Pids)}, {IOWeight, float64(l.IOWeight)}, {IORead, float64(l.IORead)}, {IOWrite, float64(l.IOWrite)},
	} {
		if !(one.value >= 0) {
			return fmt.Errorf("%s is %v: it must not be negative", one.what, one.value)
		}
	}
	if l.Swap != nil && *l.Swap < 0 {
		return fmt.Errorf("%s is %d: it must not be negative", Swap, *l.Swap)
	}
	if l.IOWeight > 10000 {
		return fmt.Errorf("%s is %d: 10000 is the most", IOWeight, l.IOWeight)
	}
	return nil
}

// limitText is a limit as both versions write it, but for v1's memory.
func limitText(n int64) string {
	if n <= 0 {
		return "max"
	}
	return itoa(n)
}
