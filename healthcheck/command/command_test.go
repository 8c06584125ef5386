package command_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/soak"
)

// TestAnswers: what a command does, and what is said of it.
func TestAnswers(t *testing.T) {
	each(t, func(w *world) {
		if err := os.WriteFile(w.dir.Sandbox()+"/text", []byte("no program"), 0o644); err != nil {
			w.Fatal(err)
		}
		for _, c := range []struct {
			name    string
			command command.Command
			outcome judge.Outcome
			reason  string // begins with it
			excerpt string
		}{
			{"well", w.shell("c", "echo fine; echo really >&2"), judge.OK, "", "fine really"},
			{"argv", w.argv("c", "printf", "<%s>", "a b", "$HOME"), judge.OK, "", "<a b><$HOME>"},
			{"status", w.shell("c", "echo no; exit 3"), judge.Fail, "exit status 3", "no"},
			{"signal", w.shell("c", "kill -SEGV $$"), judge.Fail, "it was killed by SIGSEGV (11)", ""},
			{"killed", w.shell("c", "kill -KILL $$"), judge.Fail, "it was killed by SIGKILL (9)", ""},
			{"after it", w.shell("c", "exit 0"), judge.OK, "", ""},
			{"escapes", w.shell("c", `printf '\033[31mred\n\xff'`), judge.OK, "", "\ufffd[31mred \ufffd"},
			{"not in PATH", w.argv("c", "no-such-program"), judge.Misconfigured, `execute "no-such-program": no such file or directory`, ""},
			{"not there", w.argv("c", "/no/such/program"), judge.Misconfigured, `execute "/no/such/program": no such file or directory`, ""},
			{"not executable", w.argv("c", "/etc/passwd"), judge.Misconfigured, `execute "/etc/passwd": permission denied`, ""},
			{"not there yet", w.argv("c", "./check"), judge.Fail, `execute "./check": no such file or directory`, ""},
			{"not there yet by its path", w.argv("c", w.dir.Sandbox()+"/check"), judge.Fail, "execute ", ""},
			{"not executable yet", w.argv("c", "./text"), judge.Fail, `execute "./text": permission denied`, ""},
			{"no command of the shell", w.shell("c", "no-such-program"), judge.Fail, "exit status 127", "/bin/bash: line 1: no-such-program: command not found"},
		} {
			asker := w.Asker(c.command)
			a := asker.Ask(time.Now().Add(patience))
			if a.Outcome != c.outcome || !strings.HasPrefix(a.Reason, c.reason) || a.Reason != "" && c.reason == "" || a.Excerpt != c.excerpt {
				w.Errorf("%s: %+v", c.name, a)
			}
			if err := asker.Close(); err != nil {
				w.Error(err)
			}
		}
	})
}

// TestGrandchildHoldsThePipe: the verdict does not wait for it, and it dies.
func TestGrandchildHoldsThePipe(t *testing.T) {
	each(t, func(w *world) {
		for _, text := range []string{"sleep 1000 & echo said; exit 0", "setsid sleep 1000 & setsid -f sleep 1000; echo said; exit 0"} {
			r := w.run(w.shell("c", text))
			if !r.OK() || trimmed(r.Output) != "said" || r.Took > patience/2 {
				w.Errorf("%s: %+v", text, r)
			}
			if left := w.living(); len(left) > 0 {
				w.Errorf("%s: left: %v", text, left)
			}
		}
	})
}

// TestCommandsThatTimeOut: commands that fork and time out, again and again: the verdict
// comes in time, and nothing is left, dead or alive.
func TestCommandsThatTimeOut(t *testing.T) {
	each(t, func(w *world) {
		const abreast, timeout = 4, 100 * time.Millisecond
		times := soak.Promised(w, 52, 5000)
		var worst, answered atomic.Int64
		var all sync.WaitGroup
		for i := range abreast {
			all.Go(func() {
				asker := w.Asker(w.shell("c"+strconv.Itoa(i), "sleep 1000 & (setsid sleep 1000 &) ; setsid -f sleep 1000; echo going; sleep 1000"))
				defer asker.Close()
				for range times / abreast {
					start := time.Now()
					a := asker.Ask(start.Add(timeout))
					took := time.Since(start)
					worst.Store(max(worst.Load(), int64(took)))
					if a.Outcome == judge.Inconclusive {
						continue // killing the last ones took its time: without groups every process of the machine is looked at
					}
					answered.Add(1)
					if a.Outcome != judge.Fail || !strings.HasPrefix(a.Reason, "it did not end within ") || took < timeout {
						w.Errorf("after %v: %+v", took, a)
					}
				}
			})
		}
		all.Wait()
		seen := strconv.FormatInt(answered.Load(), 10) + " answers, timeout 100ms, the latest answer after " + time.Duration(worst.Load()).String()
		soak.Note(w, "exec checks that fork and time out", times, seen)
		w.Log(seen)
		if n := answered.Load(); n == 0 {
			w.Errorf("of %d times none was answered", times)
		}
		if time.Duration(worst.Load()) > timeout+3*time.Second { // sixty times what is promised
			w.Error("too late")
		}
		if w.tree == nil {
			return
		}
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) { // they die beside us
			left, err := w.tree.Checks().Procs()
			if err == nil && len(left) == 0 {
				return
			}
			if err != nil || time.Now().After(end) {
				w.Errorf("left in the group: %v, %v", left, err)
				return
			}
		}
	})
}

// TestCommandsThatEat: a command that takes 2 GiB is killed, and it alone.
func TestCommandsThatEat(t *testing.T) {
	needs.Program(t, "python3")
	w := newWorld(t, grow(t, "memory"))
	asker := w.Asker(w.argv("greedy", "python3", "-c", "x = [b'x' * (1 << 20) for i in range(2048)]"))
	defer asker.Close()
	for range 2 { // what is counted the second time is new
		a := asker.Ask(time.Now().Add(patience))
		if a.Outcome != judge.Fail || a.Reason != "out of memory: the command may have 256 MB" {
			t.Errorf("%+v", a)
		}
	}
	if r := w.run(w.shell("modest", "exit 7")); r.Exit != 7 || r.Memory != 0 {
		t.Errorf("%+v", r)
	}
}

// TestCommandsThatFork: a fork bomb ends at its limit, and then altogether.
func TestCommandsThatFork(t *testing.T) {
	w := newWorld(t, grow(t, "pids"))
	most := int(sandbox.CommandBudget().Pids)
	asker := w.Asker(w.shell("bomb", "bomb() { bomb | bomb & }; bomb; sleep 1000"))
	done := make(chan struct{})
	go func() { asker.Ask(time.Now().Add(2 * patience)); close(done) }()
	seen := 0
	for end := time.Now().Add(patience); seen < most*3/4; time.Sleep(time.Millisecond) {
		pids, err := w.tree.Check("bomb").Procs()
		if err != nil {
			t.Error(err)
		}
		if seen = max(seen, len(pids)); seen > most || time.Now().After(end) {
			t.Errorf("%d processes were seen, %d are allowed", seen, most)
			break
		}
	}
	if err := asker.Close(); err != nil {
		t.Error(err)
	}
	<-done
}

// TestPlace: user, groups, directory, umask and environment are the process', and
// nothing of ours is seen.
func TestPlace(t *testing.T) {
	t.Setenv("SECRET_OF_OURS", "1")
	each(t, func(w *world) {
		w.spec.Nice = 5
		w.spec.Rlimits = []int{syscall.RLIMIT_NOFILE, 77, 78}
		c := w.shell("c", "id -u; id -g; id -G; pwd; umask; nice; ulimit -n; grep NoNewPrivs /proc/self/status; ls /proc/self/fd | wc -l; echo $(env | cut -d= -f1 | sort); echo $DEWAR_COMMAND $DEWAR_PID $MORE; touch made; echo /dev/stdout >/dev/stdout")
		c.Main, c.Env = 1234, []string{"MORE=more", "HOME=/elsewhere"}
		r := w.run(c)
		who := strconv.Itoa(w.spec.UID)
		group := strconv.Itoa(w.spec.GID)
		want := []string{who, group, group, w.dir.Sandbox(), "0027", "5", "77", "NoNewPrivs:\t1", "4",
			"DEWAR_COMMAND DEWAR_PID DEWAR_PROCESS DEWAR_RUN DEWAR_TASK_ID HOME MORE PATH PWD SHLVL _", "c 1234 more", "/dev/stdout"}
		got := strings.Split(trimmed(r.Output), "\n")
		if os.Geteuid() != 0 {
			got[2] = group // an ordinary user keeps its groups
		}
		if !slices.Equal(got, want) {
			w.Errorf("%q\nnot %q; %+v", got, want, r)
		}
		info, err := os.Stat(w.dir.Sandbox() + "/made")
		if err != nil {
			w.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != w.spec.UID {
			w.Errorf("what it made is uid %d's", owner)
		}
		if err := os.Remove(w.dir.Sandbox() + "/made"); err != nil {
			w.Fatal(err)
		}
	})
}

// TestMuch: the end of it is kept, and who never ends saying it is stopped.
func TestMuch(t *testing.T) {
	each(t, func(w *world) {
		r := w.run(w.shell("c", "seq 100000"))
		if lines := strings.Split(trimmed(r.Output), "\n"); !r.OK() || len(r.Output) != 4096 || lines[len(lines)-1] != "100000" {
			w.Errorf("%d bytes, %+v", len(r.Output), r)
		}
		c := w.shell("c", "yes")
		c.Keep = 10
		start := time.Now()
		if r := w.Run(c, start.Add(2*time.Second)); !r.Late || len(r.Output) != 10 {
			w.Errorf("%+v", r)
		}
		if took := time.Since(start); took > 5*time.Second {
			w.Errorf("it took %v", took)
		}
	})
}

// TestClose: an asker that is closed comes back at once, and says nothing of
// the target.
func TestClose(t *testing.T) {
	each(t, func(w *world) {
		asker := w.Asker(w.shell("c", "touch began; sleep 1000 & sleep 1000"))
		answered := make(chan judge.Outcome)
		go func() { answered <- asker.Ask(time.Now().Add(2 * patience)).Outcome }()
		w.untilBegan()
		if err := asker.Close(); err != nil {
			w.Error(err)
		}
		if got := <-answered; got != judge.Inconclusive {
			w.Errorf("it answered %s", got)
		}
		w.untilNobodyLives()
		if a := asker.Ask(time.Now().Add(patience)); a.Outcome != judge.Inconclusive {
			w.Errorf("closed, it answered %+v", a)
		}
	})
}

// TestOpenClears: what a runner that was killed has left is gone before the next
// one runs anything.
func TestOpenClears(t *testing.T) {
	each(t, func(w *world) {
		left := w.Runner
		done := make(chan command.Result)
		go func() {
			done <- left.Run(w.shell("c", "setsid sleep 1000 & echo $! > began; sleep 1000"), time.Now().Add(2*patience))
		}()
		w.untilBegan()
		w.open()
		if left := w.living(); len(left) > 0 {
			w.Errorf("left: %v", left)
		}
		if r := <-done; r.OK() {
			w.Errorf("%+v", r)
		}
		if r := w.run(w.shell("c", "exit 0")); !r.OK() {
			w.Errorf("%+v", r)
		}
		if err := left.Close(); err != nil {
			w.Error(err)
		}
	})
}
