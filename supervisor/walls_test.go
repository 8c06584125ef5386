package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/soak"
)

// makeContainer builds what builds walls, unless it was given with the other
// programs.
var makeContainer = sync.OnceValue(func() error {
	if os.Getenv("DEWAR_BIN") != "" {
		return nil
	}
	out, err := exec.Command("make", "--no-print-directory", "-C", "..", "container", "BIN="+programs).CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
})

// newWalledWorld is newWorld with a task that has walls.
func newWalledWorld(t *testing.T, isolation func(*task.Isolation), spec task.Task, env ...string) *world {
	t.Helper()
	needs.Root(t)
	if err := makeContainer(); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(programs, container.Program)
	if err := container.Available(program); err != nil {
		t.Skip(needs.Prefix + "gcc and a static C library: " + err.Error())
	}
	needGroups(t) // nothingLeft looks into them, and on v2 we may not stand in the way
	iso := task.DefaultIsolation()
	isolation(&iso)
	spec.Isolation = &iso
	return newWorld(t, spec, append([]string{"CONTAINER=" + program}, env...)...)
}

// private is a run in a pid namespace of its own.
func private(i *task.Isolation) { i.PID = task.Private }

// host is a run without: no init stands between.
func host(*task.Isolation) {}

// ends are a task's runs: state, exit status, signal and reason.
func ends(s machine.State) (lines []string) {
	for _, p := range s.Processes {
		for _, r := range p.History {
			exit := -1
			if r.Exit != nil {
				exit = *r.Exit
			}
			lines = append(lines, fmt.Sprintf("%s/%d %s %d %d %s", p.Name, r.Run, r.State, exit, r.Signal, r.Reason))
		}
	}
	return lines
}

// nothingLeft says which mounts, groups and shared memory of the task are there,
// and which processes with a word among their arguments.
func (w *world) nothingLeft(word string) {
	w.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), filepath.Base(filepath.Dir(filepath.Dir(string(w.dir))))) {
		w.Errorf("a mount of the task is there: %v\n%s", err, mounts)
	}
	if fileExists(container.ShmDir(string(w.dir))) {
		w.Errorf("the task's shared memory is there: %s", container.ShmDir(string(w.dir)))
	}
	if found := withWord(word); word != "" && len(found) > 0 {
		w.Errorf("there live: %q", found)
	}
	w.noGroups()
}

// withWord are the command lines of the processes that have a word in theirs.
func withWord(word string) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		if line, err := os.ReadFile(f); err == nil && strings.Contains(string(line), word) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func TestWalls(t *testing.T) {
	spec := tasks(sh("web", `{ [ $$ -lt 50 ] && echo $(hostname) $(id -un) $(umask) $(ulimit -n) $DEWAR_PROCESS $HELPER; ls -A /root; touch /usr/x || touch up; } > said 2>&1; echo here > /tmp/mark; echo here > /dev/shm/mark; echo out; echo err >&2; exit 3`))
	spec.User = "nobody"
	w := newWalledWorld(t, func(i *task.Isolation) {
		i.PID, i.Tmp, i.Shm, i.UTS, i.Hostname = task.Private, task.Private, task.Private, task.Private, "inside"
		i.ReadOnly, i.Hidden = []string{"/usr"}, []string{"/root"}
	}, spec, "HELPER=1")
	w.start()
	s := w.finished()
	if diff := cmp.Diff([]string{"web/0 FAILED 3 0 "}, ends(s)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff("inside nobody 0022 1024 web\ntouch: cannot touch '/usr/x': Read-only file system\n", w.text("said")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if w.text(".tmp/mark") != "here\n" || fileExists("/dev/shm/mark") {
		t.Error("/tmp or /dev/shm is not the task's own")
	}
	logs := w.dir.Logs(task.RunID{Process: "web"})
	for name, want := range map[string]string{"stdout": "out\n", "stderr": "err\n", "": ""} {
		text, _ := os.ReadFile(filepath.Join(logs, name))
		info, err := os.Stat(filepath.Join(logs, name))
		if err != nil || string(text) != want {
			t.Fatalf("the log %s: %q, %v", name, text, err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 65534 {
			t.Errorf("the log %s belongs to user %d", name, uid)
		}
	}
	if tail := w.last("web").Tail; tail != "err" {
		t.Errorf("the run's last words are %q", tail)
	}
	w.nothingLeft("")
}

func TestWallsOfARootFileSystem(t *testing.T) {
	busybox := needs.Program(t, "busybox")
	root := filepath.Join(t.TempDir(), "root")
	script := "mkdir -p $0/bin && cp " + busybox + " $0/bin/busybox && ln -s busybox $0/bin/sh && tar -C $0 -cf $0.tar ."
	if out, err := exec.Command("sh", "-c", script, root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := sh("web", "")
	p.Argv = []string{"/bin/sh", "-c", `busybox ls / > said; busybox ls /bin >> said; exit 4`}
	q := sh("bash", "true")
	spec := tasks(p, q)
	spec.MaxFailures = 0
	w := newWalledWorld(t, func(i *task.Isolation) { i.RootFS = root + ".tar" }, spec)
	w.start()
	s := w.finished()
	want := []string{"web/0 FAILED 4 0 ", `bash/0 FAILED -1 0 execute "/bin/bash": No such file or directory`}
	if diff := cmp.Diff(want, ends(s)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := w.text("said"); !strings.HasPrefix(got, "bin\ndev\nproc\n") || !strings.HasSuffix(got, "busybox\nsh\n") {
		t.Errorf("the command has seen\n%s", got)
	}
	w.nothingLeft("")
}

// An end is the command's own, unless there was no command.
func TestWallsEnd(t *testing.T) {
	for name, isolation := range map[string]func(*task.Isolation){"init": private, "no init": host} {
		t.Run(name, func(t *testing.T) {
			none := sh("none", "")
			none.Argv = []string{"nonesuch"}
			spec := tasks(sh("ok", "true"), sh("seven", "exit 7"), sh("system", "exit 111"), sh("killed", "kill -KILL $$"),
				sh("term", "kill -TERM $$"), sh("core", "kill -SEGV $$"), none)
			spec.MaxFailures = 0
			w := newWalledWorld(t, isolation, spec)
			w.start()
			want := []string{"ok/0 SUCCESS 0 0 ", "seven/0 FAILED 7 0 ", "system/0 FAILED 111 0 ", "killed/0 FAILED -1 9 ",
				"term/0 FAILED -1 15 ", "core/0 FAILED -1 11 ", `none/0 FAILED -1 0 execute "nonesuch": No such file or directory`}
			if diff := cmp.Diff(want, ends(w.finished())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			w.nothingLeft("")
		})
	}
}

// A kill reaches the command, and once.
func TestWallsKill(t *testing.T) {
	for name, isolation := range map[string]func(*task.Isolation){"init": private, "no init": host} {
		for _, to := range []task.StopTo{task.StopGroup, task.StopMain} {
			t.Run(name+", "+string(to), func(t *testing.T) {
				p := sh("web", `trap 'echo polite >> told' TERM; touch up; until [ -s told ]; do sleep 0.01; done; sleep 0.1; exit 5`)
				p.StopTo = to
				w := newWalledWorld(t, isolation, tasks(p))
				w.start()
				w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
				w.ask("/v1/kill", `{"grace":"30s"}`, 200)
				if got := ends(w.finished()); len(got) != 1 || got[0] != "web/0 KILLED 5 0 " || w.text("told") != "polite\n" {
					t.Errorf("%q, told %q", got, w.text("told"))
				}
				w.nothingLeft("")
			})
		}
	}
}

// Runs that end while no brain lives are judged by the next one.
func TestWallsWithoutABrain(t *testing.T) {
	failing := filepath.Join(t.TempDir(), "failing")
	w := newWalledWorld(t, private, tasks(sh("web", "until [ -e go ]; do sleep 0.01; done; exit 7")), "PANIC="+failing)
	w.start()
	w.untilStarted("web")
	w.endWithoutBrain(failing, "web")
	if diff := cmp.Diff([]string{"web/0 FAILED 7 0 "}, ends(w.finished())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	w.nothingLeft("")
}

// A brain that dies at any point of a run with walls changes nothing.
func TestWallsBrainDiesAtEveryPoint(t *testing.T) {
	none := sh("none", "")
	none.Argv = []string{"nonesuch"}
	spec := tasks(sh("web", "echo x >> ran; exit 7"), none)
	spec.MaxFailures = 0
	want := []string{"web/0 FAILED 7 0 ", `none/0 FAILED -1 0 execute "nonesuch": No such file or directory`}
	points := filepath.Join(t.TempDir(), "points")
	w := newWalledWorld(t, private, spec, "POINTS="+points)
	w.start()
	w.finished()
	counted, err := os.ReadFile(points)
	if err != nil || len(counted) < 10 {
		t.Fatalf("only %d points: %v", len(counted), err)
	}
	step := max(1, len(counted)/soak.Times(t, 15))
	soak.Note(t, "SIGKILL to the brain just before and after a journal write or a request about runs with walls", len(counted)/step, "every run, exit status and sentence as without it")
	for point := 1; point <= len(counted) && !t.Failed(); point += step {
		w := newWalledWorld(t, private, spec, "CRASH_AT="+strconv.Itoa(point), "CRASHED="+filepath.Join(t.TempDir(), "crashed"))
		w.start()
		if diff := cmp.Diff(want, ends(w.finished())); diff != "" || w.text("ran") != "x\n" {
			t.Errorf("point %d: it ran %q; -want +got:\n%s", point, w.text("ran"), diff)
		}
		w.nothingLeft("")
	}
}

// The shim's death is the run's, and nothing of it stays.
func TestWallsWithoutAShim(t *testing.T) {
	word := "14142.1" + strconv.Itoa(os.Getpid())
	p := sh("web", "echo x > /dev/shm/x; setsid sleep "+word+" & (env -i setsid sleep "+word+" &); touch up; exec sleep "+word)
	w := newWalledWorld(t, func(i *task.Isolation) { i.PID, i.Shm, i.Tmp = task.Private, task.Private, task.Private }, tasks(p))
	w.start()
	w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
	if err := os.Remove(w.sandbox("up")); err != nil {
		t.Fatal(err)
	}
	w.kill(w.holder(w.dir.ShimLock()))
	w.untilRecord("it is lost", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.State == machine.RunLost })
	w.until("it is up again", func() bool { return fileExists(w.sandbox("up")) })
	w.until("one run's processes live", func() bool { return len(withWord(word)) <= 5 })
	w.ask("/v1/kill", `{"grace":0}`, 200)
	if s := w.finished(); s.State != machine.Killed {
		t.Errorf("the task is %s: %q", s.State, ends(s))
	}
	w.nothingLeft(word)
}

func TestWallsOutOfMemory(t *testing.T) {
	needGroups(t, "memory")
	const limit = 64 << 20
	p := sh("web", hog)
	p.Resources = &task.Resources{RAM: limit}
	w := newWalledWorld(t, private, tasks(p))
	w.start()
	w.finished()
	last := w.last("web")
	if last.State != machine.RunFailed || last.OOM == nil || last.OOM.Limit != machine.LevelProcess || last.OOM.Bytes != limit || last.Reason != "" {
		t.Errorf("%+v, %+v", last, last.OOM)
	}
	w.nothingLeft("")
}

// A task whose files are damaged leaves no more behind than another, also if the
// brain dies on the way to its end.
func TestWallsOfATaskInQuarantine(t *testing.T) {
	wallsInQuarantine(t, 0, task.Dir.TaskJSON)
	for point := range 9 {
		wallsInQuarantine(t, point, task.Dir.Journal)
	}
}

func wallsInQuarantine(t *testing.T, point int, file func(task.Dir) string) {
	crashed := filepath.Join(t.TempDir(), "crashed")
	w := newWalledWorld(t, func(i *task.Isolation) { i.PID, i.Shm = task.Private, task.Private },
		tasks(sh("web", "echo x > /dev/shm/x; touch up; exec sleep 1000")), "CRASH_AT="+strconv.Itoa(point), "CRASHED="+crashed)
	w.write(crashed, "") // not yet
	w.start()
	w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
	if !fileExists(container.ShmDir(string(w.dir))) {
		t.Fatal("the task has no shared memory of its own")
	}
	flip(t, file(w.dir), 0)
	if err := os.Remove(crashed); err != nil {
		t.Fatal(err)
	}
	w.write(w.dir.Shutdown(), "grace=0\x00")
	w.kill9(w.dir.Lock())
	w.lastRecords()
	w.nothingLeft("")
}
