package task

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLimits(t *testing.T) {
	var made Task
	if got := made.Limits(); got != (Resources{Pids: DefaultPids}) {
		t.Errorf("a task that says nothing has %+v", got)
	}
	made.Resources = &Resources{CPU: 2, CPUHard: HardAsCPU, Pids: 7}
	p := Process{Resources: &Resources{CPUHard: HardAsCPU, RAM: 1 << 20}}
	made.Processes = []Process{{}, p, {Resources: &Resources{CPU: 0.5, CPUHard: HardAsCPU}}}
	made.FillIn()
	if got := made.Limits(); got != (Resources{CPU: 2, CPUHard: 2, Pids: 7}) {
		t.Errorf("the task has %+v", got)
	}
	if got := made.Processes[0].Limits(); got != (Resources{}) {
		t.Errorf("a process that says nothing has %+v", got)
	}
	if got := made.Processes[1].Limits(); got != (Resources{CPUHard: HardAsCPU, RAM: 1 << 20}) {
		t.Errorf("the process has %+v: there is no cpu of its own to be as hard as", got)
	}
	if got := made.Processes[2].Limits(); got != (Resources{CPU: 0.5, CPUHard: 0.5}) {
		t.Errorf("the process has %+v", got)
	}
}

func TestWith(t *testing.T) {
	all := Resources{CPU: 1, CPUHard: 2, RAM: 3, RAMSoft: 4, Swap: 5, Pids: 6, CPUSet: "7", Disk: 8, GPU: 9, IO: &IO{Weight: 10, Read: 11, Write: 12}}
	some := Resources{RAM: 30, IO: &IO{Read: 110}}
	want := all
	want.RAM, want.IO = 30, &IO{Weight: 10, Read: 110, Write: 12}
	for _, c := range []struct{ base, other, want Resources }{
		{all, Resources{}, all}, {Resources{}, all, all}, {some, all, all}, {all, some, want},
	} {
		if diff := cmp.Diff(c.want, c.base.With(c.other)); diff != "" {
			t.Errorf("%+v with %+v: %s", c.base, c.other, diff)
		}
	}
	if all.IO.Read != 11 {
		t.Error("With has changed what it was called on")
	}
}

func TestParseCPUSet(t *testing.T) {
	for text, want := range map[string][]int{
		"0": {0}, "0-3,7": {0, 1, 2, 3, 7}, "7,0-1": {0, 1, 7}, "1,1,0-2": {0, 1, 2}, "8191": {8191}, "5-5": {5},
	} {
		if got, err := ParseCPUSet(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("ParseCPUSet(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ",", "1,", "a", "-1", "1-", "1-2-3", "3-1", "8192", "0-31:2/4", "1 2", "99999999999", strings.Repeat("0-8191,", 1000) + "1"} {
		if got, err := ParseCPUSet(text); err == nil {
			t.Errorf("ParseCPUSet(%.40q) = %v", text, got)
		}
	}
}

// A set reads as its kernel's text says, whatever its order.
func TestCPUSetsAreSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cpus := rapid.SliceOfNDistinct(rapid.IntRange(0, 99), 1, 20, rapid.ID).Draw(t, "cpus")
		data, err := json.Marshal(cpus)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCPUSet(strings.Trim(string(data), "[]"))
		slices.Sort(cpus)
		if err != nil || !slices.Equal(got, cpus) {
			t.Errorf("%v, %v; want %v", got, err, cpus)
		}
	})
}

func TestCheckLimits(t *testing.T) {
	made := DefaultTask()
	made.Processes = named("a", "b")
	made.Resources = &Resources{RAM: 1 << 20, CPU: 1}
	made.Processes[0].Resources = &Resources{RAM: 1 << 19}
	for _, c := range []struct {
		process string
		wanted  Resources
		want    string // "" if it can be had
	}{
		{"", Resources{}, ""},
		{"", Resources{RAM: 1 << 19}, ""},
		{"", Resources{RAM: 1 << 18}, "processes[0].resources.ram: ram of the process is 512KB, more than the task's 256KB"},
		{"", Resources{RAM: 5}, "resources.ram: ram is 5B"},
		{"", Resources{CPUHard: HardAsCPU}, ""},
		{"", Resources{Pids: -1}, "resources.pids"},
		{"a", Resources{RAM: 1 << 20}, ""},
		{"a", Resources{RAM: 1 << 21}, "ram of the process is 2MB, more than the task's 1MB"},
		{"a", Resources{RAMSoft: 1 << 19}, "processes[0].resources.ram_soft: ram_soft is 512KB, not less than ram, 512KB"},
		{"b", Resources{CPUHard: HardAsCPU}, "processes[1].resources.cpu_hard: cpu_hard: true"},
		{"b", Resources{Pids: 5000}, "pids of the process is 5000, more than the task's 4096"},
	} {
		err := made.CheckLimits(c.process, c.wanted).Err()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q, %+v: %v; want %q", c.process, c.wanted, err, c.want)
		}
	}
	if diff := cmp.Diff(&Resources{RAM: 1 << 20, CPU: 1}, made.Resources); diff != "" {
		t.Error(diff)
	}
}
