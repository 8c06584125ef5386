package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/programs"
)

// limit is one that a process comes to while no brain lives.
type limit struct {
	name       string
	controller string
	own, whole map[string]any // resources of the process, and of the task
	cmdline    string         // after it was told to go
	level      machine.Level  // whose memory it was, of an OOM
	stderr     string         // what it says when it is held
	signal     int            // of which it dies
}

const (
	memory = 32 << 20
	hog    = `x=0123456789abcdef; while :; do x=$x$x; done`
	crowd  = `exec sh -c 'n=0; while [ $n -lt 60 ]; do sleep 1000 & n=$((n+1)); done'` // bash would try again for long
)

var limits = []limit{
	{name: "pids of the process", controller: "pids", own: map[string]any{"pids": 20}, cmdline: crowd, stderr: "fork"},
	{name: "pids of the task", controller: "pids", whole: map[string]any{"pids": 20}, cmdline: crowd, stderr: "fork"},
	{name: "memory of the process", controller: "memory", own: map[string]any{"ram": memory}, cmdline: hog, level: machine.LevelProcess, signal: 9},
	{name: "memory of the task", controller: "memory", whole: map[string]any{"ram": memory}, cmdline: hog, level: machine.LevelTask, signal: 9},
}

// TestLimitsWithoutBrain lets processes come to their limits while no brain
// lives: the kernel holds them all the same, and the next brain tells how.
func TestLimitsWithoutBrain(t *testing.T) {
	for _, l := range limits {
		t.Run(l.name, func(t *testing.T) {
			needGroups(t, l.controller)
			l.holds(t)
		})
	}
}

func (l limit) holds(t *testing.T) {
	w := newWorld(t, programs.Dir(t), "DEWAR_BRAIN_RETRY=3600s")
	t.Cleanup(func() {
		if t.Failed() {
			w.explain()
		}
	})
	w.limited(l)
	run := task.RunID{Process: "p"}
	eventually(t, patience, "the run is on", func() bool {
		s, err := client.ReadStatus(w.dir(), run)
		return err == nil && s.State == shim.Running
	})
	if !kill(w.brain()) {
		t.Fatal("no brain to kill")
	}
	eventually(t, patience, "no brain lives", func() bool { return w.brain() == 0 })
	w.letLeave()
	var end shim.Status
	eventually(t, patience, "the run has ended", func() (ended bool) {
		var err error
		end, err = client.ReadStatus(w.dir(), run)
		return err == nil && end.State == shim.Ended
	})
	if w.brain() != 0 {
		t.Fatal("there is a brain")
	}
	if l.signal != 0 && end.Signal != l.signal || !strings.Contains(end.Tail, l.stderr) {
		t.Errorf("without a brain it ended with status %d, signal %d, and said %q", end.Exit, end.Signal, end.Tail)
	}
	w.newBrain()
	if code, out := w.dewar("wait", w.id); code != 1 {
		t.Errorf("dewar wait exits %d: %s", code, out)
	}
	l.isTold(w)
	w.noTrace()
}

// limited starts the task, whose process goes on when it is told to.
func (w *world) limited(l limit) {
	w.t.Helper()
	type o = map[string]any
	p := o{"name": "p", "cmdline": fmt.Sprintf("read go < %s; %s", w.fifo(), l.cmdline)}
	whole := o{"name": "limits", "processes": []o{p}}
	if l.own != nil {
		p["resources"] = l.own
	}
	if l.whole != nil {
		whole["resources"] = l.whole
	}
	data, err := json.Marshal(whole)
	if err := errors.Join(err, syscall.Mkfifo(w.fifo(), 0o666)); err != nil {
		w.t.Fatal(err)
	}
	w.run(data)
}

// newBrain starts one in place of the shim, which waits long with it. It is
// gone when the task has ended.
func (w *world) newBrain() {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(w.bin, "dewar-executor"), string(w.dir()))
	cmd.Env = w.env
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if w.t.Failed() {
			kill(cmd.Process.Pid)
		}
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("the brain that came later: %v: %s", err, said.String())
		}
	})
}

// isTold looks for the limit in the record of the run's end.
func (l limit) isTold(w *world) {
	w.t.Helper()
	for _, e := range w.journal() {
		if e.Type != "ended" {
			continue
		}
		if e.State != "FAILED" || e.Signal != l.signal {
			w.t.Errorf("the run is %s, with signal %d", e.State, e.Signal)
		}
		if l.level == "" {
			return
		}
		if e.OOM == nil || e.OOM.Limit != l.level || e.OOM.Bytes != memory || e.OOM.Kills < 1 {
			w.t.Errorf("its OOM is %+v; it was the %s's %d bytes", e.OOM, l.level, memory)
		}
		if code, out := w.dewar("why", w.id); code != 0 || !strings.Contains(out, "memory") {
			w.t.Errorf("dewar why exits %d, and says nothing of memory: %s", code, out)
		}
		return
	}
	w.t.Error("the journal has no end of the run")
}
