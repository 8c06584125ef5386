package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/mute"
	"github.com/dewarhq/dewar/test/needs"
	"golang.org/x/sys/unix"
)

// bundle is a file of a bundle.
func (w *world) bundle(id task.RunID, why, name string) string {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(string(w.dir), id.EvidenceDir(why), name))
	if err != nil {
		w.Error(err)
	}
	return string(text)
}

// untilGathered waits for the record of a bundle.
func (w *world) untilGathered(process, why string) (g machine.Gathered) {
	w.Helper()
	w.untilRecord("evidence is gathered", func(r machine.Record) bool {
		is, ok := r.(machine.Gathered)
		if ok = ok && is.Process == process && is.For == why; ok {
			g = is
		}
		return ok
	})
	return g
}

// stubborn is a process that a stop signal does not end.
func stubborn(name, cmdline string) task.Process {
	p := sh(name, cmdline)
	p.StopTimeout = task.Duration(200 * time.Millisecond)
	return p
}

// Of a process that hangs when it is to stop, there is to be read afterwards
// where it hung and what it had open.
func TestEvidenceOfTimeout(t *testing.T) {
	w := newWorld(t, tasks(stubborn("a", "exec 7>witness; echo hello; trap '' TERM; while :; do kill -STOP $$; done")))
	w.start()
	w.untilStarted("a")
	id := task.RunID{Process: "a"}
	pid := w.last("a").Pid
	w.until("it stands still", func() bool { return strings.Contains(statusOf(pid), "T (stopped)") })
	w.ask("/v1/kill", `{"grace":"20s"}`, 200)
	s := w.finished()
	if s.State != machine.Killed || w.last("a").Signal != int(unix.SIGKILL) {
		t.Errorf("%s, %+v", s.State, w.last("a"))
	}
	procs := w.bundle(id, "stop-timeout", "procs.txt")
	for _, want := range []string{"do_signal_stop", "fd 7 -> " + w.sandbox("witness")} {
		if !strings.Contains(procs, want) {
			t.Errorf("procs.txt lacks %q:\n%s", want, procs)
		}
	}
	if got := w.bundle(id, "stop-timeout", "stdout.tail"); got != "hello\n" {
		t.Errorf("stdout.tail: %q", got)
	}
	if got := w.bundle(id, "stop-timeout", "reason.txt"); !strings.HasPrefix(got, "run 0 of a: it did not end within 200ms of SIGTERM (kill), and is killed\n") {
		t.Errorf("reason.txt: %q", got)
	}
	why := strings.Join(w.machine().Why(machine.Instant{}, "a"), "\n")
	if !strings.Contains(why, "evidence of run 0 of a (stop-timeout) is in the task's directory, in runs/a/0/evidence/stop-timeout") {
		t.Errorf("why: %s", why)
	}
}

// deaf is a command line that TERM does not end, and says when it is up.
const deaf = "trap '' TERM; touch up; while :; do sleep 0.02; done"

// untilUp waits until deaf is.
func (w *world) untilUp() {
	w.Helper()
	w.until("it is up", func() bool { return os.Remove(w.sandbox("up")) == nil })
}

// brains is how many have taken the task up.
func (w *world) brains() (n int) {
	for _, e := range w.entries() {
		if _, ok := e.Record.(machine.TakenUp); ok {
			n++
		}
	}
	return n
}

// statusOf is what the kernel says of a process.
func statusOf(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return ""
	}
	return string(text)
}

// A run of which the kernel has killed somebody is described, whether it lives
// on or not.
func TestGroupsEvidenceOfOOM(t *testing.T) {
	needGroups(t, "memory")
	p := sh("a", parent)
	p.Resources = &task.Resources{RAM: 32 << 20}
	q := sh("b", hog)
	q.Resources = p.Resources
	spec := tasks(p, q)
	spec.MaxFailures = 2
	w := newWorld(t, spec)
	w.start()
	w.untilStarted("a")
	w.write(w.sandbox("go"), "")
	w.untilGathered("a", "oom")
	if got := w.bundle(task.RunID{Process: "a"}, "oom", "reason.txt"); !strings.Contains(got, "it lives, and something of it was killed: out of memory: the limit of the process, 32MB, was hit") {
		t.Errorf("reason.txt of one that lives: %s", got)
	}
	if got := w.bundle(task.RunID{Process: "a"}, "oom", "procs.txt"); !strings.Contains(got, "== process ") {
		t.Errorf("procs.txt of one that lives: %s", got)
	}
	w.write(w.sandbox("over"), "")
	w.finished()
	if got := w.bundle(task.RunID{Process: "b"}, "oom", "groups.txt"); !strings.Contains(got, "/p-b\n") || !strings.Contains(got, "memory.") {
		t.Errorf("groups.txt: %s", got)
	}
}

// Of a crash with a core there is to be read where the core is, also when it ends
// the task.
func TestEvidenceOfCore(t *testing.T) {
	w := newWorld(t, tasks(sh("a", "ulimit -c unlimited && echo alas >&2 && kill -SEGV $$")))
	w.start()
	w.finished()
	run := w.last("a")
	if !run.Core {
		t.Skipf("%sa kernel and a limit that let cores be written: %+v", needs.Prefix, run)
	}
	id := task.RunID{Process: "a"}
	if got := w.bundle(id, "core", "reason.txt"); !strings.Contains(got, "it died of SIGSEGV; its core") || !strings.Contains(got, "kernel.core_pattern") {
		t.Errorf("reason.txt: %s", got)
	}
	if got := w.bundle(id, "core", "stderr.tail"); got != "alas\n" {
		t.Errorf("stderr.tail: %q", got)
	}
}

// Of each process the last three bundles are kept, and on the disk there are no
// others; they go with their runs.
func TestEvidenceKept(t *testing.T) {
	p := stubborn("a", deaf)
	w := newWorld(t, tasks(p))
	w.start()
	for run := range 5 {
		w.untilUp()
		w.ask(control.PathRestart, `{"process":"a"}`, 200)
		w.ended(task.RunID{Process: "a", Run: run})
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	bundles, err := filepath.Glob(string(w.dir) + "/runs/a/*/evidence/*")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for _, n := range []string{"2", "3", "4"} {
		want = append(want, string(w.dir)+"/runs/a/"+n+"/evidence/stop-timeout")
	}
	if !slices.Equal(bundles, want) {
		t.Errorf("on the disk are %q", bundles)
	}
}

// A kill without grace waits for nothing.
func TestEvidenceNotOfKillAtOnce(t *testing.T) {
	w := newWorld(t, tasks(stubborn("a", deaf)))
	w.start()
	w.untilUp()
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	if bundles, err := filepath.Glob(string(w.dir) + "/runs/a/*/evidence/*"); err != nil || len(bundles) > 0 {
		t.Errorf("gathered all the same: %q, %v", bundles, err)
	}
}

// A brain that dies while evidence is gathered is followed by one that gathers it
// again, and kills.
func TestEvidenceBrainKilled(t *testing.T) {
	w := newWorld(t, tasks(stubborn("a", deaf)), "CRASH_BEFORE=gathering evidence", "CRASHED="+filepath.Join(t.TempDir(), "crashed"))
	w.start()
	w.untilUp()
	w.ask("/v1/kill", `{"grace":"20s"}`, 200)
	if s := w.finished(); s.State != machine.Killed || w.brains() < 2 {
		t.Errorf("%s, with %d brains", s.State, w.brains())
	}
	w.bundle(task.RunID{Process: "a"}, "stop-timeout", "procs.txt")
}

// On a full disk nothing is gathered, which is said, and the kill comes.
func TestEvidenceFullDisk(t *testing.T) {
	dir, inside := small(t, "tmpfs")
	if !inside {
		return
	}
	w := newWorldIn(t, dir, tasks(stubborn("a", deaf)))
	w.start()
	w.untilUp()
	w.ask("/v1/kill", `{"grace":"20s"}`, 200)
	w.finished()
	if why := strings.Join(w.machine().Why(machine.Instant{}, "a"), "\n"); !strings.Contains(why, "evidence of run 0 of a (stop-timeout) is missing: gather evidence of a/0: the disk is full") {
		t.Errorf("why: %s", why)
	}
}

// A process whose command line cannot be read, for that waits for a file system
// that does not answer, is killed when evidence has had its time; and what else
// there is to know of it is known.
func TestEvidenceOfSnare(t *testing.T) {
	needs.Root(t)
	fs := mute.Mount(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := stubborn("a", "")
	p.Cmdline, p.Argv = "", []string{self, "payload", "snare", fs.Dir + "/file"}
	p.StopSignal = "URG" // which nobody dies of
	w := newWorld(t, tasks(p))
	release := sync.OnceFunc(func() { fs.Close(t) })
	t.Cleanup(release) // whoever lists the machine's processes waits for that
	w.start()
	fs.Opened(t)
	fs.Asked(t)
	w.write(w.sandbox("go"), "")
	pid := w.last("a").Pid
	w.until("somebody waits for the memory's lock", func() bool {
		threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/stat")
		return err == nil && slices.ContainsFunc(threads, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(text), ") D ")
		})
	})
	w.ask(control.PathKill, `{"grace":"30s"}`, 200)
	w.untilGathered("a", "stop-timeout")
	if took := w.gatheredAfter("a"); took < 2*time.Second || took > 10*time.Second {
		t.Errorf("the kill waited for %s", took)
	}
	release()
	if s := w.finished(); s.State != machine.Killed || w.brains() != 1 {
		t.Errorf("%s, with %d brains", s.State, w.brains())
	}
	id := task.RunID{Process: "a"}
	if got := w.bundle(id, "stop-timeout", "reason.txt"); !strings.Contains(got, "missing: some of what processes and logs say: the time was up") {
		t.Errorf("reason.txt: %s", got)
	}
	if got := w.bundle(id, "stop-timeout", "procs.txt"); !strings.Contains(got, "fd 0 -> /dev/null") || !strings.Contains(got, "mmap") {
		t.Errorf("procs.txt: %s", got)
	}
}

// gatheredAfter is how long after the time of a process' stop was over its evidence
// was recorded.
func (w *world) gatheredAfter(process string) (took time.Duration) {
	for _, e := range w.entries() {
		if g, ok := e.Record.(machine.Gathered); ok && g.Process == process {
			took = time.Duration(e.At.Boot - w.last(process).Stop.By)
		}
	}
	return took
}

// A process that waits for a file system that does not answer holds up its kill
// by no more than evidence may take.
func TestEvidenceOfUndead(t *testing.T) {
	needs.Root(t)
	needGroups(t)
	fs := mute.Mount(t)
	w := newWorld(t, tasks(stubborn("a", "exec cat "+fs.Dir+"/file")))
	w.start()
	w.untilStarted("a")
	fs.Asked(t)
	w.ask("/v1/kill", `{"grace":"20s"}`, 200)
	w.untilGathered("a", "stop-timeout")
	if procs := w.bundle(task.RunID{Process: "a"}, "stop-timeout", "procs.txt"); !strings.Contains(procs, "fuse") && !strings.Contains(procs, "request_wait_answer") {
		t.Errorf("where it waits is not said:\n%s", procs)
	}
	fs.Close(t)
	w.finished()
}

// sick is a check that passes until there is a file sick in the sandbox.
func sick(action task.Action, capture string) task.Check {
	return task.Check{
		Name: "alive", Role: task.Liveness, Action: action, Shell: "test ! -e sick", Capture: capture,
		Interval: task.Duration(20 * time.Millisecond), Timeout: task.Duration(10 * time.Second),
		MinConsecutiveSuccesses: 1, MaxInconclusive: 10, InconclusiveFor: task.Duration(time.Minute),
	}
}

// Before a run is restarted for health, there is gathered what its check said,
// what it looked like when it still lived, and what the capture command had it
// say; only then does it get its signal.
func TestEvidenceOfRestart(t *testing.T) {
	p := sh("a", "trap 'echo dumped; touch dumped' USR1; trap 'rm sick; exit 0' TERM; touch up; while :; do sleep 0.01; done")
	p.MaxFailures = 2
	p.Checks = []task.Check{sick(task.Restart, `kill -USR1 $DEWAR_PID; until [ -e dumped ]; do sleep 0.01; done; echo captured`)}
	w := newWorld(t, tasks(p))
	w.start()
	w.untilUp()
	w.write(w.sandbox("sick"), "")
	w.begun(task.RunID{Process: "a", Run: 1})
	w.ask(control.PathKill, `{"grace":"10s"}`, 200)
	w.finished()
	id := task.RunID{Process: "a"}
	for name, want := range map[string]string{
		"reason.txt":   "run 0 of a: check a/alive is unhealthy: it failed, and no failure is borne",
		"answers.json": `"outcome": "fail"`,
		"procs.txt":    "(bash)",
		"stdout.tail":  "dumped\n",
		"capture.txt":  "captured\n",
	} {
		if got := w.bundle(id, "health", name); !strings.Contains(got, want) {
			t.Errorf("%s lacks %q: %s", name, want, got)
		}
	}
	order := ""
	for _, e := range w.entries() {
		switch r := e.Record.(type) {
		case machine.Stopping:
			if r.RunID == id {
				order += "stopping "
			}
		case machine.Gathered:
			order += "gathered "
		case machine.Ended:
			if r.RunID == id {
				order += string(r.State)
			}
		}
	}
	if order != "stopping gathered FAILED" {
		t.Errorf("it was %s", order)
	}
}

// Likewise where a check fails the task: of the run that it is about, or of all if
// it is the task's own; the stops of those that it is not about wait for nothing.
func TestEvidenceOfUnhealthyTask(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(strconv.FormatBool(whole), func(t *testing.T) {
			a, b := sh("a", "touch up; exec sleep 1000"), sh("b", "exec sleep 1000")
			spec := tasks(a, b)
			if check := sick(task.FailTask, ""); whole {
				spec.Check = &check
			} else {
				spec.Processes[0].Checks = []task.Check{check}
			}
			w := newWorld(t, spec)
			w.start()
			w.untilUp()
			w.untilStarted("b")
			w.write(w.sandbox("sick"), "")
			if s := w.finished(); s.State != machine.Failed || !strings.Contains(s.Reason, "alive is unhealthy") {
				t.Errorf("%s: %s", s.State, s.Reason)
			}
			bundles, err := filepath.Glob(string(w.dir) + "/runs/*/0/evidence/health/procs.txt")
			if want := map[bool]int{false: 1, true: 2}[whole]; err != nil || len(bundles) != want {
				t.Errorf("gathered are %q, %v", bundles, err)
			}
		})
	}
}

// A capture command that does not end holds up a stop by no more than half of the
// time that the stop has.
func TestEvidenceCaptureHangs(t *testing.T) {
	p := sh("a", "trap 'rm sick; exit 0' TERM; touch up; while :; do sleep 0.01; done")
	p.MaxFailures, p.StopTimeout = 2, task.Duration(6*time.Second)
	p.Checks = []task.Check{sick(task.Restart, "echo begun; sleep 1000")}
	w := newWorld(t, tasks(p))
	w.start()
	w.untilUp()
	w.write(w.sandbox("sick"), "")
	e := w.ended(task.RunID{Process: "a"})
	if e.State != machine.RunFailed || e.Signal != 0 || e.Exit == nil || *e.Exit != 0 {
		t.Errorf("it was not left the time to end: %+v", e)
	}
	w.ask(control.PathKill, `{"grace":"10s"}`, 200)
	w.finished()
	id := task.RunID{Process: "a"}
	if got := w.bundle(id, "health", "reason.txt"); !strings.Contains(got, "missing: the capture command: it was killed when its time was over") {
		t.Errorf("reason.txt: %s", got)
	}
	if got := w.bundle(id, "health", "capture.txt"); got != "begun\n" {
		t.Errorf("capture.txt: %q", got)
	}
}
