package observer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// holdLocks makes the test binary a process that holds the locks named in it,
// separated by NUL, until its stdin ends.
const holdLocks = "DEWAR_TEST_HOLD_LOCKS"

func TestMain(m *testing.M) {
	if paths := os.Getenv(holdLocks); paths != "" {
		for path := range strings.SplitSeq(paths, ":") {
			if _, err := shim.Lock(path); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		fmt.Println("held")
		_, err := io.Copy(io.Discard, os.Stdin)
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hold starts a process that holds locks, until let is called.
func hold(t testing.TB, paths ...string) (pid int, let func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), holdLocks+"="+strings.Join(paths, ":"))
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	done := false
	let = func() {
		if done {
			return
		}
		done = true
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		stdin.Close()
		cmd.Wait()
	}
	t.Cleanup(let)
	return cmd.Process.Pid, let
}

// soak is how many times n repetitions are done: DEWAR_SOAK times as many.
func soak(n int) int {
	if k, err := strconv.Atoi(os.Getenv("DEWAR_SOAK")); err == nil && k > 0 {
		return n * k
	}
	return n
}

// written is a task whose directory a test writes, as a brain would.
type written struct {
	t       testing.TB
	dir     task.Dir
	launch  task.Launch
	journal *journal.Journal
	machine *machine.Machine
	now     int64
}

// write makes the directory of a task with these processes under root.
func write(t testing.TB, root, id string, processes ...task.Process) *written {
	t.Helper()
	for i := range processes {
		p := &processes[i]
		defaults := task.DefaultProcess()
		defaults.Name, defaults.Cmdline, defaults.MaxFailures = p.Name, "true", max(p.MaxFailures, 1)
		defaults.Daemon, defaults.MinDuration = p.Daemon, 0
		if p.Logger.Destination != "" {
			defaults.Logger.Destination = p.Logger.Destination
		}
		*p = defaults
	}
	w := &written{t: t, dir: task.Dir(filepath.Join(root, id)), now: 1_000_000_000}
	w.launch = task.Launch{Version: 1, ID: id, Task: task.Task{Name: "some", Processes: processes, MaxFailures: 1}, Owner: "me", User: "me"}
	w.machine = machine.New(w.launch.Task)
	if err := os.MkdirAll(string(w.dir), 0o711); err != nil {
		t.Fatal(err)
	}
	data, err := w.launch.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.file(w.dir.TaskJSON(), data)
	return w
}

// begin opens the journal and writes that the task is taken up in this boot.
func (w *written) begin() *written {
	w.t.Helper()
	boot, err := shim.BootID()
	if err != nil {
		w.t.Fatal(err)
	}
	w.open()
	w.record(machine.Created{ID: w.launch.ID, Name: "some", Format: 1}, machine.TakenUp{Pid: 1, Version: "test", BootID: boot})
	return w
}

func (w *written) open() {
	w.t.Helper()
	j, err := journal.Open(w.dir.Journal(), journal.Options{Reserve: -1}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.journal = j
	w.t.Cleanup(func() { j.Close() })
}

// record writes records and folds them.
func (w *written) record(records ...machine.Record) {
	w.t.Helper()
	for _, r := range records {
		w.now += 1_000_000
		at := machine.Instant{Boot: w.now, Wall: w.now}
		payload := machine.Encode(w.machine.Seq()+1, at, r)
		if err := w.journal.Append(journal.Ordinary, payload); err != nil {
			w.t.Fatal(err)
		}
		if err := w.machine.Apply(at, r); err != nil {
			w.t.Fatal(err)
		}
	}
}

// compact replaces the journal by a snapshot.
func (w *written) compact() {
	w.t.Helper()
	records, err := w.machine.Snapshot()
	if err != nil {
		w.t.Fatal(err)
	}
	var payloads [][]byte
	for _, r := range records {
		payloads = append(payloads, machine.Encode(w.machine.Seq(), machine.Instant{Boot: w.now, Wall: w.now}, r))
	}
	if err := w.journal.Compact(payloads...); err != nil {
		w.t.Fatal(err)
	}
}

func run(process string, n int) task.RunID { return task.RunID{Process: process, Run: n} }

// start writes that a run was started.
func (w *written) start(id task.RunID) {
	w.t.Helper()
	w.record(machine.Forking{RunID: id}, machine.Started{RunID: id, Pid: 4711})
}

// end writes that a run has ended with an exit status.
func (w *written) end(id task.RunID, exit int) {
	w.t.Helper()
	state := machine.RunSuccess
	if exit != 0 {
		state = machine.RunFailed
	}
	w.record(machine.Ended{RunID: id, State: state, Exit: &exit, At: machine.Instant{Boot: w.now, Wall: w.now}})
}

// finish writes what the machine proposes, until the task has ended.
func (w *written) finish() {
	w.t.Helper()
	for !over(w.machine.Phase()) {
		decisions := w.machine.Decide(machine.Instant{Boot: w.now, Wall: w.now})
		if len(decisions) == 0 {
			w.t.Fatalf("the task does not end: %s", w.state())
		}
		for _, d := range decisions {
			w.record(d.Record)
			if _, clear := d.Act.(machine.Clear); clear {
				w.record(machine.Cleared{})
			}
		}
	}
}

func (w *written) state() string {
	s, err := json.Marshal(w.machine.State())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(s)
}

func (w *written) file(path string, content []byte) {
	w.t.Helper()
	if err := os.WriteFile(path, content, 0o640); err != nil {
		w.t.Fatal(err)
	}
}

// log appends to a run's log, as its user would.
func (w *written) log(id task.RunID, name, text string) {
	w.t.Helper()
	if err := os.MkdirAll(w.dir.Logs(id), 0o755); err != nil {
		w.t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(w.dir.Logs(id), name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		w.t.Fatal(err)
	}
}

func mustRead(t testing.TB, dir task.Dir) *View {
	t.Helper()
	v, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func says(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s: %q does not say %q", what, text, p)
		}
	}
}

// output runs a program with one more variable in its environment.
func output(t testing.TB, exe, variable string) string {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), variable)
	out, err := cmd.CombinedOutput()
	if len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}
