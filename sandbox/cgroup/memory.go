package cgroup

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

var page = int64(os.Getpagesize())

// sameBytes compares as the kernel does, in whole pages. want 0 is no limit.
func sameBytes(want int64) func(string) bool {
	return func(current string) bool {
		now, ok := number([]byte(current))
		return ok && (want <= 0 && now == -1 || want > 0 && now == want/page*page)
	}
}

// memoryV2: memory.high and memory.max since 4.5, memory.swap.max since 4.5
// with swap accounting, memory.oom.group since 4.19.
func memoryV2(l Limits) []setting {
	all := []setting{
		{what: RAM, asked: l.RAM > 0, file: "memory.max", value: limitText(l.RAM), same: sameBytes(l.RAM),
			put: func(dir string) error { return putMax(dir, l.RAM) }},
		{what: RAMSoft, asked: l.RAMSoft > 0, file: "memory.high", value: limitText(l.RAMSoft), same: sameBytes(l.RAMSoft)},
		swapV2(l),
	}
	value := "0"
	if l.OOMGroup {
		value = "1"
	}
	return append(all, setting{what: OOMGroup, asked: l.OOMGroup, file: "memory.oom.group", value: value})
}

func swapV2(l Limits) setting {
	one := setting{what: Swap, asked: l.Swap != nil, file: "memory.swap.max", value: "max"}
	if l.Swap != nil {
		one.value = itoa(*l.Swap)
		want := *l.Swap
		one.same = func(current string) bool {
			now, ok := number([]byte(current))
			return ok && now == want/page*page
		}
	}
	return one
}

// putMax lowers memory.max only to what the group can be brought down to: the
// kernel would kill in it otherwise. memory.high makes it reclaim first, and
// is what tells whether that was enough.
func putMax(dir string, bytes int64) error {
	file := dir + "/memory.max"
	if bytes <= 0 {
		return writeFile(file, "max")
	}
	used, err := readNumber(dir + "/memory.current")
	if err != nil {
		return err
	}
	if used <= bytes {
		return writeFile(file, itoa(bytes))
	}
	was, err := readFile(dir + "/memory.high")
	if err != nil {
		return err
	}
	for before := used + 1; err == nil && used > bytes && used < before; { // a signal to us ends a reclaim early
		before = used
		if err = writeFile(dir+"/memory.high", itoa(bytes)); err == nil {
			used, err = readNumber(dir + "/memory.current")
		}
	}
	if err == nil && used > bytes {
		err = &BelowUse{What: RAM, Asked: bytes, Used: used, File: dir + "/memory.current"}
	}
	if err == nil {
		err = writeFile(file, itoa(bytes))
	}
	return errors.Join(err, writeFile(dir+"/memory.high", was))
}

// memoryV1: memory.limit_in_bytes and memory.soft_limit_in_bytes (which reclaims
// only when the machine is short); memory.memsw.limit_in_bytes, RAM and swap
// together, where swap is accounted for (swapaccount=1). There is no oom.group.
func memoryV1(l Limits) []setting {
	all := []setting{
		{what: RAM, asked: l.RAM > 0, file: "memory.limit_in_bytes", value: bytesV1(l.RAM), same: sameBytes(l.RAM),
			put: func(dir string) error { return putLimit(dir, RAM, l.RAM, "memory.limit_in_bytes") }},
		{what: RAMSoft, asked: l.RAMSoft > 0, file: "memory.soft_limit_in_bytes", value: bytesV1(l.RAMSoft), same: sameBytes(l.RAMSoft)},
	}
	if l.OOMGroup {
		all = append(all, setting{what: OOMGroup, asked: true, cannot: "an OOM kill of v1 ends one process"})
	}
	both := setting{what: Swap, asked: l.Swap != nil, file: "memory.memsw.limit_in_bytes", value: "-1", same: sameBytes(0)}
	if l.Swap == nil {
		return append([]setting{both}, all...)
	}
	if l.RAM == 0 {
		both.cannot = "v1 limits swap only together with ram, of which there is no limit"
		return append(all, both)
	}
	// Where the sum is hit before RAM, the kernel (seen with 6.18) counts no
	// failure at all, and nobody could tell whose limit an OOM was. So there is
	// room for one page of swap.
	sum := l.RAM + max(*l.Swap, page)
	both.value, both.same = itoa(sum), sameBytes(sum)
	both.put = func(dir string) error { return putLimit(dir, Swap, sum, "memory.memsw.limit_in_bytes") }
	return append(all, both)
}

func bytesV1(n int64) string {
	if n <= 0 {
		return "-1"
	}
	return itoa(n)
}

// putLimit writes one of v1's two hard limits. The kernel holds RAM ≤ RAM and
// swap at every moment (EINVAL), so where RAM rises above the sum, the sum is
// lifted first; Limit writes the sum after RAM.
func putLimit(dir string, what What, bytes int64, name string) error {
	sum := dir + "/memory.memsw.limit_in_bytes"
	if what == RAM && exists(sum) {
		both, err := readNumber(sum)
		if err != nil {
			return err
		}
		if both >= 0 && (bytes <= 0 || bytes > both) {
			if err := writeFile(sum, "-1"); err != nil {
				return err
			}
		}
	}
	err := writeFile(dir+"/"+name, bytesV1(bytes))
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	usage := dir + "/memory.usage_in_bytes"
	if what == Swap {
		usage = dir + "/memory.memsw.usage_in_bytes"
	}
	used, err2 := readNumber(usage)
	if err2 != nil {
		return errors.Join(err, err2)
	}
	return &BelowUse{What: what, Asked: bytes, Used: used, File: usage, Cause: fmt.Errorf("%w", err)}
}
