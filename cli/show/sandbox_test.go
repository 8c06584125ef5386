package show

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/sandbox/disk"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

func TestLimits(t *testing.T) {
	for want, r := range map[string]task.Resources{
		"": {},
		"cpu=0.5 cpu_hard=2 ram=128MB ram_soft=64MB swap=1GB pids=100 io.weight=50 io.read=10MB io.write=1KB cpuset=0-3,7 disk=5GB": {
			CPU: 0.5, CPUHard: 2, RAM: 128 << 20, RAMSoft: 64 << 20, Swap: 1 << 30, Pids: 100,
			IO: &task.IO{Weight: 50, Read: 10 << 20, Write: 1 << 10}, CPUSet: "0-3,7", Disk: 5 << 30},
	} {
		if got := Limits(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestOutOfMemory(t *testing.T) {
	for want, o := range map[string]*machine.OOM{
		"": nil,
		"out of memory at the limit of the process, 64.0 MB, having held 63.9 MB":       {Limit: machine.LevelProcess, Bytes: 64 << 20, Peak: 67004006, Kills: 1},
		"out of memory at the limit of the task, 3 processes killed":                    {Limit: machine.LevelTask, Kills: 3},
		"out of memory: the machine's, or a limit above the task's, having held 1.0 GB": {Limit: machine.LevelMachine, Peak: 1 << 30},
	} {
		if got := OutOfMemory(o); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	thinned := machine.Run{Run: 1, State: machine.RunFailed, Exit: new(int), Thinned: &machine.Thinning{OOM: machine.OOM{Limit: machine.LevelTask}}}
	if got := runNote(&thinned); got != "exit status 0, something of it was killed before: out of memory at the limit of the task" {
		t.Errorf("%q", got)
	}
	run := machine.Run{State: machine.RunFailed, Signal: 9, OOM: &machine.OOM{Limit: machine.LevelTask, Bytes: 1 << 20, Kills: 1}}
	const want = "signal 9 (KILL), out of memory at the limit of the task, 1.0 MB"
	if got := runNote(&run); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// shut is a task that is paused, resized, over its disk, and cannot be killed.
func shut() *observer.View {
	return &observer.View{
		ID: "t", Dir: "/tasks/t",
		Groups: &sandbox.Groups{Place: cgroup.Place{Mode: cgroup.Hybrid, Unified: "/sys/fs/cgroup/unified/dewar-1"},
			Unapplied: []cgroup.Unapplied{{What: cgroup.Swap, Why: "no such file"}}},
		Disk: &sandbox.DiskUsage{Usage: disk.Usage{Bytes: 5 << 20, Finished: time.Unix(95, 0)}, Allowed: 1 << 30},
		State: machine.State{
			ID: "t", State: machine.Active, Since: seconds(10),
			Pause:   &machine.AskedPause{PauseAsked: machine.PauseAsked{By: "uid 0 (root)"}, At: seconds(90)},
			Resized: map[string]task.Resources{"": {RAM: 1 << 20}, "web": {CPU: 2}},
			Undead:  []machine.Undead{{Pid: 7, Command: "cat /mnt/x", State: "D", Channel: "request_wait_answer"}},
			Counts:  machine.Counts{Processes: 1, Live: 1, Runs: 1},
		},
	}
}

func TestShut(t *testing.T) {
	const want = `task t  ACTIVE, for 1m30s
! process 7 (cat /mnt/x) was killed and does not die, state D: it waits in the kernel, in request_wait_answer
directory    /tasks/t
paused       by uid 0 (root), 10s ago
groups       hybrid, /sys/fs/cgroup/unified/dewar-1
resized      the task: ram=1MB
resized      process web: cpu=2
not applied  swap: no such file
disk         5.0 MB of 1.0 GB, counted 5s ago
processes  1: 1 running; 1 runs so far
`
	v := shut()
	v.Shim, v.Brain = 0, 0
	s := Of(v, time.Unix(100, 0))
	s.Trouble = nil
	if diff := cmp.Diff(want, s.Text(seconds(100))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if list := List([]Status{s}, time.Unix(100, 0)); !strings.Contains(list, "paused; 1 running") || !strings.Contains(list, "! t: process 7 (cat /mnt/x)") {
		t.Errorf("the list:\n%s", list)
	}
}

func TestDiskSaid(t *testing.T) {
	d := sandbox.DiskUsage{Usage: disk.Usage{Bytes: 5 << 20, Finished: time.Unix(95, 0)}, Allowed: 1 << 30, Quota: &disk.Quota{ID: 7, Mount: "/m"}}
	for now, want := range map[int64]string{
		95:  "5.0 MB of 1.0 GB, by the kernel's count (project quota 7 on /m)",
		100: "5.0 MB of 1.0 GB, by the kernel's count (project quota 7 on /m), 5s ago",
	} {
		if got := diskSaid(&d, seconds(now)); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
}

func TestSurroundings(t *testing.T) {
	want := []string{"a default limit is not applied: swap: no such file", "limits were changed while it ran, of the task: ram=1MB", "limits were changed while it ran, of process web: cpu=2"}
	if diff := cmp.Diff(want, Surroundings(shut())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	v := shut()
	v.Groups, v.State.Resized = &sandbox.Groups{Why: "nobody may"}, nil
	if diff := cmp.Diff([]string{"it runs without control groups, so limits are not enforced: nobody may"}, Surroundings(v)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if said := Surroundings(&observer.View{Quarantine: errors.New("no")}); said != nil {
		t.Errorf("of nothing: %q", said)
	}
}

func TestTellerOfTheSandbox(t *testing.T) {
	var said strings.Builder
	teller := &Teller{}
	for _, r := range []machine.Record{
		machine.PauseAsked{By: "uid 0"}, machine.UnpauseAsked{By: "uid 0"},
		machine.ResizeAsked{By: "uid 0", Limits: task.Resources{Pids: 5}},
		machine.ResizeAsked{By: "uid 0", Process: "web", Limits: task.Resources{CPU: 1}},
		machine.OverDisk{Used: 2048, Allowed: 1024}, machine.Denied{Reason: "no"},
		machine.Unkillable{Processes: []machine.Undead{{Pid: 1, Command: "x"}}}, machine.Unkillable{},
		machine.Thinned{RunID: task.RunID{Process: "web"}, OOM: machine.OOM{Limit: machine.LevelProcess, Bytes: 1 << 20, Kills: 2}},
	} {
		if line, ok := teller.Line(seconds(1), r); ok {
			said.WriteString(line + "\n")
		}
	}
	const want = `pause asked for by uid 0
unpause asked for by uid 0
limits of the task changed by uid 0: pids=5
limits of web changed by uid 0: cpu=1
over disk: sandbox and logs hold 2.0 KB of 1.0 KB
what the task lives in could not be made: no
process 1 (x) was killed and does not die
web/0 goes on, though something of it was killed: out of memory at the limit of the process, 1.0 MB, 2 processes killed
`
	if diff := cmp.Diff(want, said.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
