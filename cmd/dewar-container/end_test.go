//go:build linux && cgo

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/mute"
	"github.com/dewarhq/dewar/test/programs"
)

// scopes are the two shapes of a run: with an init, and without.
var scopes = []task.Scope{task.Host, task.Private}

func withPid(pid task.Scope) task.Isolation {
	return isolation(func(i *task.Isolation) { i.PID = pid })
}

func TestEndsAsTheCommandEnds(t *testing.T) {
	w := newWorld(t)
	for _, pid := range scopes {
		for _, want := range []int{0, 1, 2, 100, 111, 127, 128, 137, 255, -1, -2, -3, -6, -9, -11, -13, -14, -15, -24, -31, -34, -64} {
			script := "exit " + strconv.Itoa(want)
			if want < 0 {
				script = fmt.Sprintf("kill -%d $$; sleep 10", -want)
			}
			r := w.start(withPid(pid), nobody, "sh", "-c", script)
			if code, out := r.end(); code != want || out != "" || r.unstarted() != "" {
				t.Errorf("pid %s, %s: ended with %d, output %q, %s", pid, script, code, out, r.unstarted())
			}
		}
	}
}

func TestCommandThatCannotBeExecuted(t *testing.T) {
	w := newWorld(t)
	for _, pid := range scopes {
		for command, want := range map[string]string{
			"nonesuch":    `execute "nonesuch": No such file or directory`,
			"/nonesuch":   `execute "/nonesuch": No such file or directory`,
			"/etc/passwd": `execute "/etc/passwd": Permission denied`,
		} {
			r := w.start(withPid(pid), nobody, command)
			if code, out := r.end(); code != exitSystem || out != "" || r.unstarted() != want {
				t.Errorf("pid %s: exit %d, %q, %q, want %q", pid, code, out, r.unstarted(), want)
			}
		}
	}
}

// What the helper gets for itself it passes on; what everything gets it does not.
func TestSignals(t *testing.T) {
	w := newWorld(t)
	const script = `trap 'echo usr1; n=$((n+1))' USR1; trap 'echo term; exit 5' TERM; n=0; echo ready; while :; do sleep 0.01; done`
	for _, pid := range scopes {
		r := w.start(withPid(pid), nobody, "sh", "-c", script)
		r.await("ready")
		main := r.cmd.Process.Pid
		w.must(unix.Kill(-main, unix.SIGUSR2)) // the group, of which the command is none: it would die of it
		w.must(unix.Tgkill(main, main, unix.SIGUSR1))
		r.await("usr1")
		w.must(unix.Tgkill(main, main, unix.SIGTERM))
		if code, out := r.end(); code != 5 || out != "ready\nusr1\nterm" {
			t.Errorf("pid %s: ended with %d, %q", pid, code, out)
		}
		r = w.start(withPid(pid), nobody, "sh", "-c", script)
		r.await("ready")
		w.shell("sh -c 'kill -TERM " + strconv.Itoa(r.cmd.Process.Pid) + "'; true") // a stranger's: no child of ours, as the brain is the shim's
		if code, out := r.end(); code != 5 || out != "ready\nterm" {
			t.Errorf("pid %s, from a stranger: ended with %d, %q", pid, code, out)
		}
	}
}

// marked are the processes with a word among their arguments.
func marked(t *testing.T, word string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && bytes.Contains(line, []byte(word)) {
			found = append(found, e.Name()+": "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func gone(t *testing.T, word string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left := marked(t, word)
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still there: %v", left)
		}
	}
}

func TestKillOfTheHelperLeavesNothing(t *testing.T) {
	w := newWorld(t)
	word := "31415.9" + strconv.Itoa(os.Getpid())
	r := w.start(withPid(task.Private), nobody, "sh", "-c",
		"trap '' TERM; sleep "+word+" & setsid sleep "+word+" & (setsid sh -c 'trap : TERM; sleep "+word+"' &) ; sleep 0.2; echo ready; sleep "+word)
	r.await("ready")
	w.must(r.cmd.Process.Kill())
	if code, _ := r.end(); code != -9 || r.unstarted() != "" {
		t.Errorf("ended with %d, %s", code, r.unstarted())
	}
	gone(t, word)
	r = w.start(withPid(task.Host), nobody, "sh", "-c", "echo ready; exec sleep "+word)
	r.await("ready")
	w.must(r.cmd.Process.Kill())
	r.end()
	gone(t, word)
}

// The command's end is the end of what it has left behind: asked first, then forced.
func TestLeftoversEndWithTheRun(t *testing.T) {
	w := newWorld(t)
	word := "27182.8" + strconv.Itoa(os.Getpid())
	for _, pid := range scopes {
		r := w.start(withPid(pid), nobody, "sh", "-c",
			"sh -c 'trap \"echo asked; exit\" TERM; echo up; while :; do sleep 0.01; done' & (setsid sh -c 'trap \"\" TERM; while :; do sleep 0.01; done; "+word+"' &); sleep 0.2; exit 4")
		began := time.Now()
		if code, out := r.end(); code != 4 || !strings.HasPrefix(out, "up\n") || !strings.HasSuffix(out, "asked") {
			t.Errorf("pid %s: ended with %d, %q", pid, code, out)
		}
		if took := time.Since(began); took < time.Second {
			t.Errorf("pid %s: %v is not the second that a stubborn one is given", pid, took)
		}
		gone(t, word)
	}
}

// What the command leaves behind and nothing can kill does not keep its end from
// being known.
func TestLeftoversThatDoNotDie(t *testing.T) {
	w := newWorld(t)
	for _, pid := range scopes {
		fs := mute.Mount(t)
		r := w.start(withPid(pid), 0, "sh", "-c", "cat "+fs.Dir+"/file & sleep 0.1; exit 4")
		fs.Asked(t)
		if code, out := r.end(); code != 4 || out != "" {
			t.Errorf("pid %s: ended with %d, %q", pid, code, out)
		}
		if len(marked(t, fs.Dir+"/file")) == 0 {
			t.Errorf("pid %s: nothing was left", pid)
		}
		fs.Close(t)
		gone(t, fs.Dir+"/file")
	}
}

// Killed at any instant: either the file unstarted is there and nothing has run,
// or the command was started; and nothing stays.
func TestKilledWhileBuilding(t *testing.T) {
	w := newWorld(t)
	word := "16180.3" + strconv.Itoa(os.Getpid())
	iso := isolation(func(i *task.Isolation) { i.PID, i.Tmp = task.Private, task.Private })
	for delay := time.Duration(0); delay < 80*time.Millisecond; delay += 2 * time.Millisecond {
		r := w.start(iso, nobody, "sh", "-c", "echo ran; exec sleep "+word)
		time.Sleep(delay) // any instant will do; nothing is waited for
		w.must(r.cmd.Process.Kill())
		if code, _ := r.end(); code != -int(syscall.SIGKILL) {
			t.Errorf("killed after %v: ended with %d", delay, code)
		}
		gone(t, word)
		gone(t, programs.Path(t, container.Program)+"\x00init")
		if s := r.unstarted(); s != "" && r.output() != "" {
			t.Errorf("killed after %v: %q, but it ran", delay, s)
		}
	}
}

func TestEnter(t *testing.T) {
	w := newWorld(t)
	program, word := programs.Path(t, container.Program), "17320.5"+strconv.Itoa(os.Getpid())
	for _, pid := range scopes {
		iso := isolation(func(i *task.Isolation) {
			i.PID, i.Tmp, i.UTS, i.Hostname = pid, task.Private, task.Private, "inside"
		})
		r := w.start(iso, nobody, "sh", "-c", "echo here > /tmp/mark; echo ready; exec sleep "+word)
		r.await("ready")
		enter := func(script string) (int, string) {
			cmd := exec.Command(program, "enter", r.dir, "--", "sh", "-c", script)
			cmd.Env = []string{"TERM=dumb", "SECRET=no"}
			out, _ := cmd.CombinedOutput() // the state says it
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if status.Signaled() {
				return -int(status.Signal()), strings.TrimSpace(string(out))
			}
			return status.ExitStatus(), strings.TrimSpace(string(out))
		}
		code, out := enter("cat /tmp/mark; hostname; id -u; echo $WHO $TERM $SECRET; grep CapBnd /proc/self/status; pwd; exit 7")
		want := "here\ninside\n65534\nthe command dumb\nCapBnd:\t0000000000000000\n" + w.dir + "/sandbox"
		if code != 7 || out != want {
			t.Errorf("pid %s: exit %d, %s, want %s", pid, code, out, want)
		}
		inner, err := strconv.Atoi(w.shell(fmt.Sprintf("cat /proc/%[1]d/task/%[1]d/children", r.cmd.Process.Pid)))
		w.must(err)
		w.must(os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", inner), []byte("300"), 0))
		w.must(unix.Setpriority(unix.PRIO_PROCESS, inner, 5))
		if code, out := enter("cat /proc/self/oom_score_adj; nice; umask; env | grep -c ^TERM="); code != 0 || out != "300\n5\n0027\n1" {
			t.Errorf("pid %s: exit %d; OOM score, niceness, umask, TERM: %s", pid, code, out)
		}
		if code, out := enter("kill -15 $$"); code != -15 {
			t.Errorf("pid %s: a TERM ends enter with %d, %s", pid, code, out)
		}
		cmd := exec.Command(program, "enter", r.dir, "--", "nonesuch")
		said, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != exitSystem || !strings.Contains(string(said), `execute "nonesuch"`) {
			t.Errorf("pid %s: exit %d, %s", pid, cmd.ProcessState.ExitCode(), said)
		}
		beside := exec.Command(program, "enter", "--beside", r.dir, "WHO=a check", "MORE=--", "--", "sh", "-c", "echo $WHO $MORE; tr '\\0' ' ' </proc/$DEWAR_PID/cmdline")
		if out, err := beside.Output(); err != nil || string(out) != "a check --\nsleep "+word+" " {
			t.Errorf("pid %s: %q, %v", pid, out, err)
		}
		w.must(r.cmd.Process.Kill())
		r.end()
		gone(t, word)
		if code, out := enter("true"); code != exitSystem {
			t.Errorf("pid %s: after its end: exit %d, %s", pid, code, out)
		}
	}
}
