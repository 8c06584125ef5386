package cgroup

import (
	"errors"
	"fmt"
	"path"
)

// cpusetV2: cpuset.cpus since 5.0; empty is "as the group above".
func cpusetV2(l Limits) []setting {
	value := l.CPUSet
	if value == "" {
		value = "\n"
	}
	return []setting{{
		what: CPUSet, asked: l.CPUSet != "", file: "cpuset.cpus", value: value,
		same: func(now string) bool { return now == l.CPUSet },
	}}
}

// cpusetV1: without a limit, as the group above. An empty cpuset takes no
// process (ENOSPC).
func cpusetV1(l Limits) []setting {
	one := setting{what: CPUSet, asked: l.CPUSet != "", file: "cpuset.cpus", value: l.CPUSet}
	if l.CPUSet == "" {
		one.always = true
		one.put = func(dir string) error { return copyFile(dir, "cpuset.cpus") }
	}
	return []setting{one}
}

// inheritCPUSet gives a new group of v1 the cpus and memory nodes of the one
// above; until it has both it takes no process.
func inheritCPUSet(dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		now, err := readFile(path.Join(dir, name))
		if err == nil && now == "" {
			err = copyFile(dir, name)
		}
		if err != nil {
			return fmt.Errorf("make a cpuset: %w", err)
		}
	}
	return nil
}

func copyFile(dir, name string) error {
	above, err := readFile(path.Join(path.Dir(dir), name))
	now, err2 := readFile(path.Join(dir, name))
	if err := errors.Join(err, err2); err != nil || above == now {
		return err
	}
	return writeFile(path.Join(dir, name), above)
}
