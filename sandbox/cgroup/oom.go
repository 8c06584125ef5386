package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
)

// OOMCounts are cumulative.
type OOMCounts struct {
	Kills int64 `json:"kills"` // processes of this very group that an OOM kill ended, whosever limit it was; -1: the kernel does not say (v1 before 4.13)
	Hits  int64 `json:"hits"`  // OOMs at this very group's own limit (v2); on v1 failcnt, which a limit that reclaim could keep raises too
	Limit int64 `json:"limit"` // bytes; -1: none
	Peak  int64 `json:"peak"`  // bytes; -1: the kernel does not say (v2 before 5.19)
}

// OOM reads the counts. Where there is no memory controller the error is
// errors.ErrUnsupported. v2 before 5.2 counts what is below in Kills and Hits too.
func (g Group) OOM() (OOMCounts, error) {
	c, err := g.oom()
	if err != nil {
		return OOMCounts{}, fmt.Errorf("read the OOM counts of group %s: %w", g, err)
	}
	return c, nil
}

func (g Group) oom() (c OOMCounts, err error) {
	if dir := g.v1("memory"); dir != "" {
		return oomV1(dir)
	}
	dir := g.unified()
	if dir == "" || exists(dir) && !exists(dir+"/memory.events") {
		return c, fmt.Errorf("there is no memory controller: %w", errors.ErrUnsupported)
	}
	learn := func(b []byte) { c.Kills, c.Hits = flat(b, "oom_kill"), flat(b, "oom") }
	err = withFile(dir+"/memory.events.local", learn) // since 5.2
	if errors.Is(err, fs.ErrNotExist) {
		err = withFile(dir+"/memory.events", learn) // since 4.5; oom_kill since 4.13
	}
	if err != nil {
		return c, err
	}
	if c.Limit, err = readNumber(dir + "/memory.max"); err != nil {
		return c, err
	}
	if c.Peak, err = readNumber(dir + "/memory.peak"); errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	return c, err
}

func oomV1(dir string) (c OOMCounts, err error) {
	err = withFile(dir+"/memory.oom_control", func(b []byte) { c.Kills = flat(b, "oom_kill") }) // oom_kill since 4.13
	if err == nil {
		c.Hits, err = readNumber(dir + "/memory.failcnt")
	}
	if sum := dir + "/memory.memsw.failcnt"; err == nil && exists(sum) { // the sum with swap is this group's limit too
		var more int64
		more, err = readNumber(sum)
		c.Hits += more
	}
	if err == nil {
		c.Limit, err = readNumber(dir + "/memory.limit_in_bytes")
	}
	if err == nil {
		c.Peak, err = readNumber(dir + "/memory.max_usage_in_bytes")
	}
	return c, err
}

// MachineOOM is how many processes of the machine OOM kills have ended since
// boot, whosever limit it was (/proc/vmstat oom_kill, since 4.13; -1 before).
func MachineOOM() (n int64, err error) {
	err = withFile("/proc/vmstat", func(b []byte) { n = flat(b, "oom_kill") })
	return n, err
}
