package cgroup

import (
	"errors"
	"io/fs"
	"path"
	"time"
)

// Strain is what has kept a group's processes from running, since they began to
// be counted. The difference of two of one group says what did meanwhile. What
// the kernel does not count is 0.
type Strain struct {
	Throttled int64         // how often a quota was used up before its period, most often 100 ms, was over: of the group, or of one above
	Stalled   time.Duration // for which everybody in the group stood waiting for memory
	Machine   time.Duration // likewise, on the machine
}

// Since is what has come to be since an earlier Strain of the same group.
func (s Strain) Since(was Strain) Strain {
	return Strain{Throttled: s.Throttled - was.Throttled, Stalled: s.Stalled - was.Stalled, Machine: s.Machine - was.Machine}
}

// Strain reads the counters. It takes some 10 µs for each group above. A group
// that is not there has those of the ones above.
func (g Group) Strain() (s Strain, err error) {
	dir := g.v1("cpu")
	if dir == "" {
		dir = g.unified()
	}
	if s.Throttled, err = throttled(dir); err != nil {
		return s, err
	}
	if at := g.unified(); at != "" {
		if s.Stalled, err = stalled(path.Join(at, "memory.pressure")); err != nil {
			return s, err
		}
	}
	s.Machine, err = stalled("/proc/pressure/memory")
	return s, err
}

// throttled adds up the periods of a group and of all above it, up to the root
// of the hierarchy, where there is no such file any more.
func throttled(dir string) (sum int64, err error) {
	for found := false; dir != "" && dir != "/" && dir != "."; dir = path.Dir(dir) {
		err := withFile(path.Join(dir, "cpu.stat"), func(b []byte) {
			sum += max(0, flat(b, "nr_throttled"))
		})
		switch {
		case err == nil:
			found = true
		case !gone(err):
			return sum, err
		case found:
			return sum, nil
		}
	}
	return sum, nil
}

// stalled is the total of a pressure file's line full; 0 where there is none.
func stalled(file string) (total time.Duration, err error) {
	err = withFile(file, func(b []byte) { total = allStalled(b) })
	if gone(err) || unsupported(err) || errors.Is(err, fs.ErrPermission) {
		return 0, nil
	}
	return total, err
}

// allStalled reads "full avg10=0.00 avg60=0.00 avg300=0.00 total=1234", in
// microseconds.
func allStalled(text []byte) time.Duration {
	for len(text) > 0 {
		var one []byte
		one, text = line(text)
		if kind, _ := cutWord(one); string(kind) == "full" {
			return time.Duration(max(0, waited(one))) * time.Microsecond
		}
	}
	return 0
}
