package task

import (
	"cmp"
	"math"
	"slices"
)

// leastRAM is one page: the kernel rounds to pages.
const leastRAM Size = 4096

// leastCPUHard is the kernel's least quota, 1 ms in 100 ms (cpu.max).
const leastCPUHard = 0.01

// resources refuses what cannot be had. A zero is a resource that was not
// asked for.
func (v *validation) resources(path Path, r *Resources) {
	if r == nil {
		return
	}
	v.cpus(path, r)
	v.memory(path, r)
	v.amount(path.With("disk"), r.Disk)
	if r.GPU < 0 {
		v.add(path.With("gpu"), "gpu is %d: it must be positive", r.GPU)
	}
	if r.Pids < 0 {
		v.add(path.With("pids"), "pids is %d: it must be positive", r.Pids)
	}
	if io := r.IO; io != nil {
		if io.Weight < 0 || io.Weight > 10000 {
			v.add(path.With("io", "weight"), "weight is %d: the kernel takes 1 to 10000", io.Weight)
		}
		v.amount(path.With("io", "read"), io.Read)
		v.amount(path.With("io", "write"), io.Write)
	}
}

func (v *validation) amount(path Path, s Size) {
	if s < 0 {
		v.add(path, "%s is %s: it must be positive", last(path), s)
	}
}

func (v *validation) cpus(path Path, r *Resources) {
	if !(r.CPU >= 0) || math.IsInf(r.CPU, 0) {
		v.add(path.With("cpu"), "cpu is %v: it must be a positive number of CPUs", r.CPU)
	}
	at := path.With("cpu_hard")
	switch hard := r.CPUHard; {
	case hard == HardAsCPU:
		v.add(at, "cpu_hard: true means as many CPUs as cpu, which is not there: give cpu, or a number here")
	case hard != 0 && !(hard >= leastCPUHard) || math.IsInf(hard, 0):
		v.add(at, "cpu_hard is %v: the least number of CPUs is %v", hard, leastCPUHard)
	case hard != 0 && hard < r.CPU:
		v.add(at, "cpu_hard is %v, less than cpu, %v: raise it, or lower cpu", hard, r.CPU)
	}
	if r.CPUSet == "" {
		return
	}
	_, err := ParseCPUSet(standIn(r.CPUSet, "0"))
	v.addErr(path.With("cpuset"), err, "cpuset")
}

func (v *validation) memory(path Path, r *Resources) {
	v.amount(path.With("ram"), r.RAM)
	v.amount(path.With("ram_soft"), r.RAMSoft)
	if r.RAM > 0 && r.RAM < leastRAM {
		v.add(path.With("ram"), "ram is %s: the least is one page, %s", r.RAM, leastRAM)
	}
	switch {
	case r.RAMSoft > 0 && r.RAMSoft < leastRAM:
		v.add(path.With("ram_soft"), "ram_soft is %s: the least is one page, %s", r.RAMSoft, leastRAM)
	case r.RAM >= leastRAM && r.RAMSoft >= r.RAM:
		v.add(path.With("ram_soft"), "ram_soft is %s, not less than ram, %s: it is to slow the processes down before ram kills one; lower it", r.RAMSoft, r.RAM)
	}
	switch {
	case r.Swap < 0:
		v.add(path.With("swap"), "swap is %s: it cannot be negative (0 means none)", r.Swap)
	case r.Swap > 0 && r.RAM == 0:
		v.add(path.With("swap"), "swap is %s, and there is no ram that it comes beside: give ram too", r.Swap)
	}
}

// inside refuses limits of a process that are wider than the task's, inside of
// which they would have no effect.
func (v *validation) inside(path Path, own Resources) {
	whole := v.Limits()
	within(v, path.With("cpu"), own.CPU, whole.CPU)
	within(v, path.With("cpu_hard"), own.CPUHard, whole.CPUHard)
	within(v, path.With("ram"), own.RAM, whole.RAM)
	within(v, path.With("ram_soft"), own.RAMSoft, whole.RAMSoft)
	within(v, path.With("pids"), own.Pids, whole.Pids)
	within(v, path.With("disk"), own.Disk, whole.Disk)
	within(v, path.With("gpu"), own.GPU, whole.GPU)
	if own.IO != nil && whole.IO != nil {
		within(v, path.With("io", "read"), own.IO.Read, whole.IO.Read)
		within(v, path.With("io", "write"), own.IO.Write, whole.IO.Write)
	}
	if within(v, path.With("swap"), own.Swap, whole.Swap); own.Swap > 0 && whole.Swap == 0 && whole.RAM > 0 {
		v.add(path.With("swap"), "swap of the process is %s, and the task has ram and no swap: give the task as much", own.Swap)
	}
	v.insideCPUSet(path.With("cpuset"), own.CPUSet, whole.CPUSet)
}

func within[T cmp.Ordered](v *validation, path Path, own, whole T) {
	var none T
	if whole > none && own > whole {
		v.add(path, "%s of the process is %v, more than the task's %v: lower it, or raise the task's", last(path), own, whole)
	}
}

func (v *validation) insideCPUSet(path Path, own, whole string) {
	if own == "" || whole == "" {
		return
	}
	some, err1 := ParseCPUSet(own)
	all, err2 := ParseCPUSet(whole)
	if err1 != nil || err2 != nil { // reported at its place, or not bound yet
		return
	}
	for _, cpu := range some {
		if _, has := slices.BinarySearch(all, cpu); !has {
			v.add(path, "cpuset of the process is %s and has the CPU %d, which is not in the task's, %s: take it away, or add it there", Quote(own), cpu, Quote(whole))
			return
		}
	}
}

// CheckLimits finds why limits that a person wants for the running task, or for
// one of its processes, cannot be had together with the others. The task holds
// the limits of now; process is "" for the task's own.
func (t Task) CheckLimits(process string, wanted Resources) Problems {
	own := Resources{}
	if t.Resources != nil {
		own = *t.Resources
	}
	if process == "" {
		own = own.With(wanted)
	}
	own.fillIn()
	t.Resources = &own
	v := &validation{Task: &t}
	v.resources(Path{"resources"}, &own)
	for i, p := range t.Processes {
		if limits := p.Limits(); p.Name == process || process == "" && p.Resources != nil {
			if process != "" {
				limits = limits.With(wanted)
			}
			limits.fillIn()
			at := Path{"processes", i, "resources"}
			v.resources(at, &limits)
			v.inside(at, limits)
		}
	}
	return v.found
}
