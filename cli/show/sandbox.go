package show

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// Limits are those that are set, as a person would write them: "ram=128MB
// pids=100".
func Limits(r task.Resources) string {
	var parts []string
	add := func(name, value string, set bool) {
		if set {
			parts = append(parts, name+"="+value)
		}
	}
	number := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	add("cpu", number(r.CPU), r.CPU > 0)
	add("cpu_hard", number(r.CPUHard), r.CPUHard > 0)
	add("cpu_hard", "true", r.CPUHard == task.HardAsCPU)
	add("ram", r.RAM.String(), r.RAM > 0)
	add("ram_soft", r.RAMSoft.String(), r.RAMSoft > 0)
	add("swap", r.Swap.String(), r.Swap > 0)
	add("pids", strconv.Itoa(r.Pids), r.Pids > 0)
	if io := r.IO; io != nil {
		add("io.weight", strconv.Itoa(io.Weight), io.Weight > 0)
		add("io.read", io.Read.String(), io.Read > 0)
		add("io.write", io.Write.String(), io.Write > 0)
	}
	add("cpuset", r.CPUSet, r.CPUSet != "")
	add("disk", r.Disk.String(), r.Disk > 0)
	return strings.Join(parts, " ")
}

// resized says which limits people have changed while the task ran, one entry
// for the task and for each process.
func resized(all map[string]task.Resources) []string {
	var said []string
	for _, process := range slices.Sorted(maps.Keys(all)) {
		who := "process " + process
		if process == "" {
			who = "the task"
		}
		said = append(said, who+": "+Limits(all[process]))
	}
	return said
}

// unapplied says which limits of ours this kernel does not have.
func unapplied(g *sandbox.Groups) []string {
	var said []string
	if g != nil {
		for _, u := range g.Unapplied {
			said = append(said, fmt.Sprintf("%s: %s", u.What, u.Why))
		}
	}
	return said
}

// Surroundings are sentences about what a task lives in, where that explains
// something: limits that do not hold, and limits that were changed.
func Surroundings(v *observer.View) []string {
	var said []string
	if g := v.Groups; g != nil && !g.Used() && !v.Over() {
		said = append(said, "it runs without control groups, so limits are not enforced: "+g.Why)
	}
	for _, u := range unapplied(v.Groups) {
		said = append(said, "a default limit is not applied: "+u)
	}
	for _, r := range resized(v.State.Resized) {
		said = append(said, "limits were changed while it ran, of "+r)
	}
	return said
}

// OutOfMemory says what the kernel killed for want of memory, and at whose
// limit.
func OutOfMemory(o *machine.OOM) string {
	if o == nil {
		return ""
	}
	said := fmt.Sprintf("out of memory at the limit of the %s", o.Limit)
	if o.Limit == machine.LevelMachine {
		said = "out of memory: the machine's, or a limit above the task's"
	}
	if o.Bytes > 0 {
		said += ", " + Size(o.Bytes)
	}
	if o.Peak > 0 {
		said += fmt.Sprintf(", having held %s", Size(o.Peak))
	}
	if o.Kills > 1 {
		said += fmt.Sprintf(", %d processes killed", o.Kills)
	}
	return said
}

// undead names the processes that were killed and live.
func undead(all []machine.Undead) []string {
	var said []string
	for _, u := range all {
		s := fmt.Sprintf("process %d (%s) was killed and does not die", u.Pid, u.Command)
		if u.State != "" {
			s += ", state " + u.State
		}
		if u.Channel != "" {
			s += ": it waits in the kernel, in " + u.Channel
		}
		said = append(said, s)
	}
	return said
}

// sandbox are the rows about what the task lives in.
func (s Status) sandbox(now machine.Instant) Table {
	var rows Table
	if p := s.Paused; p != nil {
		rows = append(rows, []string{"paused", fmt.Sprintf("by %s, %s ago", p.By, Span(time.Duration(now.Wall-p.At.Wall)))})
	}
	switch g := s.Groups; {
	case g == nil:
	case g.Used():
		at := g.Place.Unified
		if at == "" {
			at = g.Place.V1["memory"]
		}
		rows = append(rows, []string{"groups", strings.TrimSuffix(string(g.Place.Mode)+", "+at, ", ")})
	default:
		rows = append(rows, []string{"groups", "none, so limits are not enforced: " + g.Why})
	}
	for _, r := range resized(s.Resized) {
		rows = append(rows, []string{"resized", r})
	}
	for _, u := range unapplied(s.Groups) {
		rows = append(rows, []string{"not applied", u})
	}
	if d := s.Disk; d != nil {
		rows = append(rows, []string{"disk", diskSaid(d, now)})
	}
	return rows
}

// diskSaid says what the sandbox holds, as of when, and who counts.
func diskSaid(d *sandbox.DiskUsage, now machine.Instant) string {
	said := fmt.Sprintf("%s of %s, ", Size(d.Bytes), Size(d.Allowed))
	age := time.Unix(0, now.Wall).Sub(d.Finished)
	if d.Quota == nil {
		return said + "counted " + Span(age) + " ago"
	}
	said += fmt.Sprintf("by the kernel's count (project quota %d on %s)", d.Quota.ID, d.Quota.Mount)
	if age >= time.Second { // it does not tell us; the brain has asked
		said += ", " + Span(age) + " ago"
	}
	return said
}
