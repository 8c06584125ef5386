package usage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// busy starts a process that runs, and a child of it that holds memory. It has
// started both when it answers.
func busy(t *testing.T) (pid int, start uint64) {
	t.Helper()
	cmd := exec.Command("/bin/bash", "-c", `sleep 1000 & echo; while :; do :; done`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have been killed with its group
		_ = cmd.Wait()
	})
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	stat, err := shim.ReadStat(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, stat.Start
}

// view is of a task with one process.
func view(pid int, start uint64) *observer.View {
	run := machine.Run{State: machine.Running, Pid: pid, Start: int64(start)}
	return &observer.View{State: machine.State{Processes: []machine.ProcessState{{Name: "web", History: []machine.Run{run}}}}}
}

// until samples until the CPU that was used shows.
func until(t *testing.T, v *observer.View) (before, now Sample) {
	t.Helper()
	before, err := Read(v)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if now, err = Read(v); err != nil {
			t.Fatal(err)
		}
		if now.Task.CPU > before.Task.CPU+50*time.Millisecond {
			return before, now
		}
		if time.Now().After(end) {
			t.Fatalf("nothing is used: %+v, %+v", before, now)
		}
	}
}

func TestReadProcesses(t *testing.T) {
	before, now := until(t, view(busy(t)))
	if now.Source != FromProcesses || len(now.Processes) != 1 || now.Processes[0].Name != "web" {
		t.Fatalf("%+v", now)
	}
	rows := Rows(&before, now)
	if len(rows) != 2 || rows[0].CPU <= 0 || rows[1].CPU != rows[0].CPU || rows[1].Pids != 2 || rows[1].Memory <= 0 {
		t.Errorf("%+v", rows)
	}
	if rows[0].MemoryLimit != -1 || rows[0].PressureCPU != -1 || rows[0].Throttled != -1 {
		t.Errorf("known without groups: %+v", rows[0])
	}
}

func TestReadOfNothing(t *testing.T) {
	s, err := Read(view(1<<22+1, 5))
	if err != nil || len(s.Processes) != 1 || s.Task.Pids != -1 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Read(&observer.View{}); err != nil {
		t.Error(err)
	}
}

// grouped is a task with groups, limits, and one process that runs in its leaf.
func grouped(t *testing.T) (*observer.View, *cgroup.Tree) {
	t.Helper()
	needs.Root(t)
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"memory", "pids"} {
		if fact := host.Controllers[word]; !fact.Usable {
			t.Skip(needs.Prefix + "the " + word + " controller: " + fact.Why)
		}
	}
	place, err := host.Place(t.TempDir())
	if err != nil {
		t.Skip(needs.Prefix + "control groups: " + err.Error())
	}
	tree := cgroup.Open(place)
	if err := tree.Make(); err != nil {
		t.Skip(needs.Prefix + "control groups of its own: " + err.Error())
	}
	pid, start := busy(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(tree.Task().Kill(ctx), tree.Remove(ctx)); err != nil {
			t.Error(err)
		}
	})
	leaf := tree.Process("web")
	if err := leaf.Make(); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Task().Limit(cgroup.Limits{RAM: 1 << 30, Pids: 77}); err != nil {
		t.Fatal(err)
	}
	unified, v1 := leaf.Entry()
	if unified != "" {
		v1 = append(v1, unified+"/cgroup.procs")
	}
	for _, file := range v1 {
		if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0); err != nil {
			t.Fatal(err)
		}
	}
	v := view(pid, start)
	v.Groups = &sandbox.Groups{Place: place}
	return v, tree
}

func TestReadGroups(t *testing.T) {
	v, _ := grouped(t)
	before, now := until(t, v)
	rows := Rows(&before, now)
	if now.Source != FromGroups || len(rows) != 2 || rows[0].CPU <= 0 || rows[1].CPU <= 0 {
		t.Fatalf("%+v", rows)
	}
	if rows[0].PidsLimit != 77 || rows[0].MemoryLimit != 1<<30 || rows[1].Pids < 1 {
		t.Errorf("%+v", rows)
	}
}

// Of another user's task nothing is made up. One that is not asked for is left
// out if nobody keeps it: it has most likely ended.
func TestSecretTask(t *testing.T) {
	needs.User(t)
	root := t.TempDir()
	dir := task.Dir(filepath.Join(root, "secret"))
	if err := os.Mkdir(string(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir.TaskJSON(), dir.Journal()} {
		if err := os.WriteFile(path, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	named := &Sampler{Tasks: []task.Dir{dir}}
	for range 2 {
		all, err := named.Next()
		if err != nil || len(all) != 1 || len(all[0].Rows) != 0 || !errors.Is(all[0].Err, fs.ErrPermission) {
			t.Errorf("named: %+v, %v", all, err)
		}
	}
	if all, err := (&Sampler{Root: root}).Next(); err != nil || len(all) != 0 {
		t.Errorf("among others: %+v, %v", all, err)
	}
}
