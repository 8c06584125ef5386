package task

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxCPUs is the most that Linux can be built for (NR_CPUS on x86).
const maxCPUs = 8192

// ParseCPUSet reads a list of CPUs as the kernel writes it, "0-3,7"
// (cpuset(7)), and returns their numbers, sorted, each once.
func ParseCPUSet(text string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err1 := strconv.ParseUint(low, 10, 16)
		to, err2 := strconv.ParseUint(high, 10, 16)
		switch {
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("%s is not a list of CPUs: write numbers and ranges with commas between them, as in 0-3,7", Quote(text))
		case from > to:
			return nil, fmt.Errorf("%s has a range that ends before it begins: write %d-%d", Quote(text), to, from)
		case to >= maxCPUs:
			return nil, fmt.Errorf("%s names the CPU %d: no machine has more than %d", Quote(text), to, maxCPUs)
		}
		for cpu := int(from); cpu <= int(to); cpu++ {
			cpus = append(cpus, cpu)
		}
		if len(cpus) > 2*maxCPUs {
			return nil, fmt.Errorf("%s names CPUs again and again: name each once", Quote(text))
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}
