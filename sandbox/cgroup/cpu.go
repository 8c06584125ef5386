package cgroup

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// One core is 1024 shares (v1) and weight 100 (v2): that is how the kernel
// itself converts, and both are its defaults. OCI's conversion, which makes 39
// of 1024, is for containers whose shares came from Docker.

const (
	period    = 100_000   // µs, the kernel's default
	maxPeriod = 1_000_000 // µs
	minQuota  = 1_000     // µs
)

func shares(cores float64) int64 {
	if cores == 0 {
		return 1024
	}
	return clamp(math.Round(cores*1024), 2, 262144)
}

func weight(cores float64) int64 {
	if cores == 0 {
		return 100
	}
	return clamp(math.Round(cores*100), 1, 10000)
}

func clamp(n, least, most float64) int64 { return int64(min(max(n, least), most)) }

// quota is how much of which period is allowed. Less than 1 % of a core needs
// the longest period; 0.1 % is the least that the kernel knows.
func quota(cores float64) (q, p int64) {
	p = period
	if cores*period < minQuota {
		p = maxPeriod
	}
	return int64(max(math.Round(cores*float64(p)), minQuota)), p
}

// cpu.shares; cpu.cfs_quota_us and cpu.cfs_period_us, which exist where the
// kernel was built with CFS_BANDWIDTH.
func cpuV1(l Limits) []setting {
	all := []setting{{
		what: CPU, asked: l.CPU > 0,
		file: "cpu.shares", value: itoa(shares(l.CPU)),
	}}
	if l.CPUHard == 0 {
		return append(all, setting{what: CPUHard, file: "cpu.cfs_quota_us", value: "-1"})
	}
	q, p := quota(l.CPUHard)
	return append(all, setting{
		what: CPUHard, asked: true, file: "cpu.cfs_quota_us", value: itoa(q),
		always: true, // the period may be another
		put:    func(dir string) error { return putQuota(dir, q, p) },
	})
}

// putQuota goes by way of no quota where the period changes: the two files are
// one limit, and in between it could be one that the group above does not have.
func putQuota(dir string, q, p int64) error {
	was, err := readNumber(dir + "/cpu.cfs_period_us")
	if err != nil {
		return err
	}
	if was != p {
		if err := errors.Join(
			writeFile(dir+"/cpu.cfs_quota_us", "-1"),
			writeFile(dir+"/cpu.cfs_period_us", itoa(p))); err != nil {
			return err
		}
	}
	now, err := readNumber(dir + "/cpu.cfs_quota_us")
	if err != nil || now == q {
		return err
	}
	if err := writeFile(dir+"/cpu.cfs_quota_us", itoa(q)); err != nil {
		return fmt.Errorf("%w (on v1 no group may have more than the one above it)", err)
	}
	return nil
}

// cpu.weight since 4.15; cpu.max likewise.
func cpuV2(l Limits) []setting {
	all := []setting{{
		what: CPU, asked: l.CPU > 0,
		file: "cpu.weight", value: itoa(weight(l.CPU)),
	}}
	if l.CPUHard == 0 {
		return append(all, setting{
			what: CPUHard, file: "cpu.max", value: "max",
			same: func(now string) bool { return strings.HasPrefix(now, "max") },
		})
	}
	q, p := quota(l.CPUHard)
	return append(all, setting{what: CPUHard, asked: true, file: "cpu.max", value: fmt.Sprintf("%d %d", q, p)})
}
