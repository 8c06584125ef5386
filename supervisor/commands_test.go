package supervisor

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/soak"
)

// TestCommandBehindWalls: a check sees what the process sees, and stands in a
// group of its own.
func TestCommandBehindWalls(t *testing.T) {
	spec := tasks(sh("web", "echo here > /tmp/mark; echo up > up; exec sleep 1000"))
	spec.User = "nobody"
	w := newWalledWorld(t, func(i *task.Isolation) {
		i.PID, i.Tmp, i.UTS, i.Hostname, i.Network = task.Private, task.Private, task.Private, "inside", "none"
	}, spec)
	w.start()
	w.until("it is up", func() bool { return w.text("up") != "" })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := command.Open(ctx, w.dir, w.tree(), filepath.Join(programs, container.Program))
	if err != nil {
		t.Fatal(err)
	}
	id := task.RunID{Process: "web"}
	walls, err := container.Read(w.dir.Run(id))
	if err != nil {
		t.Fatal(err)
	}
	place := command.Place{Run: w.dir.Run(id), Main: 1, Spec: shim.Spec{
		Env: walls.Env, Cwd: walls.Cwd, UID: walls.UID, GID: walls.GID, Groups: walls.Groups, Umask: int(walls.Umask), User: "nobody",
	}}
	run := func(name string, argv ...string) command.Result {
		return r.Run(command.Command{Place: place, Name: name, Argv: argv, Env: []string{"DEWAR_STOP_REASON=no reason at all"}}, time.Now().Add(patience))
	}
	got := run("look", "/bin/bash", "-c", `hostname; id -un; cat /tmp/mark; pwd; grep -c : /proc/net/dev; echo $DEWAR_PROCESS $DEWAR_STOP_REASON; tr '\0' ' ' </proc/$DEWAR_PID/cmdline; echo; [ $(ls -d /proc/[0-9]* | wc -l) -lt 10 ] && echo few; grep -c /checks/p-look /proc/self/cgroup`)
	lines := strings.Split(strings.TrimSpace(string(got.Output)), "\n")
	want := []string{"inside", "nobody", "here", w.dir.Sandbox(), "1", "web no reason at all", "sleep 1000 ", "few"}
	if !got.OK() || len(lines) != len(want)+1 || strings.Join(lines[:len(want)], "|") != strings.Join(want, "|") || lines[len(want)] == "0" {
		t.Errorf("%q\nnot %q; %+v", lines, want, got)
	}
	if got := run("none", "no-such-program"); !got.Gone || !strings.Contains(got.Why, `execute "no-such-program"`) {
		t.Errorf("%+v", got)
	}
	if got := run("status", "/bin/sh", "-c", "exit 111"); got.Exit != 111 || got.Why != "" {
		t.Errorf("%+v", got)
	}
	asker := r.Asker(command.Command{Place: place, Name: "late", Shell: "sleep 1001 & sleep 1001"})
	if a := asker.Ask(time.Now().Add(time.Second)); !strings.HasPrefix(a.Reason, "it did not end within 1s") {
		t.Errorf("%+v", a)
	}
	if err := asker.Close(); err != nil {
		t.Error(err)
	}
	w.until("what was late is gone", func() bool { return len(withWord("sleep\x001001")) == 0 })
	w.ask("/v1/kill", `{"grace":1}`, 200)
	w.finished()
	if got := run("over", "/bin/true"); !got.Ours || got.Gone {
		t.Errorf("after the end: %+v", got)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	w.removeGroups()
	w.nothingLeft("")
}

// checked is a process with a check, made for a test: asked ten times a second,
// never acted upon.
func checked(p task.Process, c task.Check) task.Process {
	d := task.DefaultCheck()
	d.Shell, d.Notify, d.Action = c.Shell, c.Notify, task.NoAction
	d.Interval, d.Timeout, d.InitialInterval = task.Duration(100*time.Millisecond), c.Timeout, 0
	if d.Timeout == 0 {
		d.Timeout = task.Duration(patience)
	}
	p.Checks = append(p.Checks, d)
	return p
}

// answers are those of the checks of a process so far, by their reasons.
func (w *world) answers(process string) (all []machine.Answer) {
	for _, e := range w.entries() {
		if a, ok := e.Record.(machine.Answered); ok && a.Process == process {
			all = append(all, a.Answers...)
		}
	}
	return all
}

// TestGroupsOfChecks: checks that fork and time out, of a real brain that is
// killed meanwhile: each is told in time, nothing is left, dead or alive, and the
// process does not notice.
func TestGroupsOfChecks(t *testing.T) {
	needGroups(t)
	times := soak.Promised(t, 30, 3000)
	spec := tasks(checked(sh("web", "exec sleep 1000"), task.Check{
		Shell:   "echo $DEWAR_PROCESS/$DEWAR_RUN of $PPID; (setsid sleep 1002 &); setsid -f sleep 1002; sleep 1002",
		Timeout: task.Duration(50 * time.Millisecond),
	}))
	w := newWorld(t, spec)
	w.start()
	killed := false
	w.until("it was asked often enough", func() bool {
		n := len(w.answers("web"))
		if !killed && n >= times/2 {
			w.kill9(w.dir.Lock())
			killed = true
		}
		return n >= times
	})
	for _, a := range w.answers("web") {
		if a.Outcome == judge.Inconclusive { // our own lateness, on a busy machine
			continue
		}
		if a.Outcome != judge.Fail || a.Phase != string(healthcheck.Exec) || !strings.HasPrefix(a.Reason, "it did not end within") {
			t.Errorf("%+v", a)
		}
		if a.Latency > int64(3*time.Second) {
			t.Errorf("late: %+v", a)
		}
	}
	if r := w.last("web"); r.Run != 0 || !r.Live() {
		t.Errorf("%+v", r)
	}
	w.noZombies()
	w.ask("/v1/kill", `{"grace":1}`, 200)
	w.finished()
	if left := withWord("sleep\x001002"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	w.noGroups()
}

// noZombies waits until no child of shim or brain is one: a command that has just
// ended is for a moment.
func (w *world) noZombies() {
	w.Helper()
	w.until("nothing of shim and brain is a zombie", func() bool {
		keepers := w.keepers()
		files, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, f := range files {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			if s, err := shim.ReadStat(pid); err == nil && s.Dead() && contains(keepers, s.Ppid) {
				return false
			}
		}
		return true
	})
}

// TestWatchdogChecks: who says WATCHDOG=1 is well, and who says it no more is
// not; while no brain lives what is said is heard too.
func TestWatchdogChecks(t *testing.T) {
	const say = `say() { python3 -c 'import os,socket; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.connect(os.environ["NOTIFY_SOCKET"]); s.send(b"WATCHDOG=1")'; }`
	needs.Program(t, "python3")
	spec := tasks(checked(sh("web", say+"; say; echo $WATCHDOG_USEC > up; until [ -e enough ]; do say; done; echo x > done; exec sleep 1000"),
		task.Check{Notify: &task.NotifyCheck{MaxAge: task.Duration(5 * time.Second)}}))
	w := newWorld(t, spec)
	w.start()
	w.until("it is well", func() bool { return w.text("up") != "" && w.verdict("web") == judge.Healthy })
	w.kill9(w.dir.Lock()) // what is said meanwhile is heard by the shim
	if got := w.text("up"); got != "5000000\n" {
		t.Errorf("WATCHDOG_USEC is %q", got)
	}
	w.write(w.sandbox("enough"), "")
	w.until("it is not", func() bool { return w.verdict("web") == judge.Unhealthy })
	var first machine.Answer // that failed, after all that were ok
	for _, a := range w.answers("web") {
		switch {
		case a.Outcome == judge.OK:
			first = machine.Answer{}
		case a.Outcome == judge.Fail && first.Outcome == "":
			first = a
		}
	}
	age, _, _ := strings.Cut(strings.TrimPrefix(first.Reason, "WATCHDOG=1 was last said "), " ")
	if d, err := time.ParseDuration(age); err != nil || d < 5*time.Second {
		t.Errorf("%+v: %v", first, err)
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
}

// verdict is the last one on record of the checks of a process.
func (w *world) verdict(process string) (v judge.Verdict) {
	for _, e := range w.entries() {
		if a, ok := e.Record.(machine.Answered); ok && a.Process == process {
			v = a.State.Verdict
		}
	}
	return v
}

// TestTaskCheckBehindWalls: the task's own check is asked behind the walls of
// whichever run lives.
func TestTaskCheckBehindWalls(t *testing.T) {
	web := sh("web", "echo up > up; exec sleep 1000")
	spec := tasks(web)
	spec.User = "nobody"
	own := checked(web, task.Check{Shell: `echo $(hostname) $(id -un) $(ls -d /proc/[0-9]* | wc -w); exit 3`}).Checks[0]
	spec.Check = &own
	w := newWalledWorld(t, func(i *task.Isolation) {
		i.PID, i.UTS, i.Hostname = task.Private, task.Private, "inside"
	}, spec)
	w.start()
	saw := func() (n int) {
		for _, a := range w.answers("") {
			if a.Outcome == judge.Fail && a.Reason == "exit status 3" && strings.HasPrefix(a.Excerpt, "inside nobody ") {
				n++
			}
		}
		return n
	}
	w.until("the check was asked inside", func() bool { return saw() > 0 })
	before := saw()
	w.ask("/v1/process/restart", `{"process":"web"}`, 200)
	w.until("it is asked inside of the next run", func() bool {
		r := w.last("web")
		return r.Run == 1 && r.Live() && saw() > before+10 // they are recorded ten at a time
	})
	for _, a := range w.answers("") {
		if a.Outcome == judge.Misconfigured {
			t.Errorf("%+v", a)
		}
	}
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	w.nothingLeft("")
}
