package usage

import (
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// Figures are what people want to see: per cent, bytes, bytes a second. -1 is:
// not known; of a limit: there is none.
type Figures struct {
	CPU         float64 // per cent of one CPU
	Throttled   float64 // per cent of the quota's periods that it was held back in; -1: it has no quota
	Memory      int64
	MemoryLimit int64
	MemoryPeak  int64
	Swap        int64
	Pids        int64 // processes and threads
	PidsLimit   int64
	Read        float64 // bytes a second
	Write       float64

	PressureCPU    float64 // per cent of the last 10 s in which something stood waiting
	PressureMemory float64
	PressureIO     float64
}

// Between are the figures at a moment, with the rates since an earlier one. Of
// no earlier one (a zero Time) no rate is known, nor of two at one moment.
func Between(before, now Reading, took time.Duration) Figures {
	f := Figures{
		CPU: -1, Throttled: -1, Read: -1, Write: -1,
		Memory: now.Memory, MemoryLimit: now.MemoryLimit, MemoryPeak: now.MemoryPeak, Swap: now.Swap,
		Pids: now.Pids, PidsLimit: now.PidsLimit,
		PressureCPU: now.PressureCPU.Some, PressureMemory: now.PressureMemory.Some, PressureIO: now.PressureIO.Some,
	}
	if took <= 0 {
		return f
	}
	grown := now.since(before)
	if grown.CPU >= 0 {
		f.CPU = 100 * float64(grown.CPU) / float64(took)
	}
	f.Read, f.Write = rate(grown.IORead, took), rate(grown.IOWrite, took)
	switch {
	case grown.Periods > 0:
		f.Throttled = min(100, 100*float64(grown.Hits)/float64(grown.Periods))
	case now.Periods > 0:
		f.Throttled = 0
	}
	return f
}

func rate(bytes int64, took time.Duration) float64 {
	if bytes < 0 {
		return -1
	}
	return float64(bytes) / took.Seconds()
}

// since is how much the counters have grown.
func (r Reading) since(before Reading) cgroup.Usage {
	if r.each == nil {
		return growth(before.Usage, r.Usage)
	}
	grown := unknown()
	for id, now := range r.each {
		// Who was not there before is new, and all that it has used is new.
		g := growth(before.each[id], now)
		grown.CPU += g.CPU
		plus(&grown.IORead, g.IORead)
		plus(&grown.IOWrite, g.IOWrite)
	}
	return grown
}

// growth is how much the counters of one thing have grown. One that is less
// than before began anew meanwhile.
func growth(before, now cgroup.Usage) cgroup.Usage {
	return cgroup.Usage{
		CPU:     grew(before.CPU, now.CPU),
		Periods: grew(before.Periods, now.Periods),
		Hits:    grew(before.Hits, now.Hits),
		IORead:  grew(before.IORead, now.IORead),
		IOWrite: grew(before.IOWrite, now.IOWrite),
	}
}

func grew[T ~int64](before, now T) T {
	switch {
	case now < 0:
		return -1
	case before < 0 || now < before:
		return now
	}
	return now - before
}
