package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soak is how often a test is repeated: DEWAR_SOAK times.
func soak(n int) int {
	if more, err := strconv.Atoi(os.Getenv("DEWAR_SOAK")); err == nil && more > 0 {
		return n * more
	}
	return n
}

// Kill returns nil only when nothing is there, whatever lives in the group.
func TestKill(t *testing.T) {
	for _, what := range []string{"sleep", "family 100", "daemon", "stubborn", "stopped", "vfork", "bomb", "burrow"} {
		name, _, _ := strings.Cut(what, " ")
		t.Run(name, func(t *testing.T) {
			tr := tree(t)
			for range soak(3) {
				killed(t, tr, what)
			}
		})
	}
}

// Before 5.14 there is no cgroup.kill.
func TestKillWithoutCgroupKill(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	for _, what := range []string{"bomb", "stopped", "family 50"} {
		if err := g.Make(); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Limit(Limits{Pids: 300, Defaults: map[What]bool{Pids: true}}); err != nil {
			t.Fatal(err)
		}
		payload := start(t, g, what)
		for _, f := range []freezer{g.freezer(), {}} { // the second finds nobody
			s, err := newStopper(within(t, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			err = s.killListed(g.Procs, f)
			if dir := g.unified(); err == nil && dir != "" { // who exits is no longer listed, and there for a moment
				_, err = s.await(dir, func(now state) bool { return !now.populated }, 0)
			}
			if err := errors.Join(err, s.close()); err != nil {
				t.Fatal(err)
			}
		}
		if full, err := g.Populated(); full || err != nil {
			t.Errorf("populated: %v, %v", full, err)
		}
		payload.dies(t)
		if err := g.Remove(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
}

// Many are killed as one is; soak kills ten thousand.
func TestKillThousands(t *testing.T) {
	n := 1000
	if soak(1) > 1 {
		n = 10000
	}
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	s := start(t, g, fmt.Sprintf("family %d", n))
	if all, err := g.Procs(); err != nil || len(all) != n+1 {
		t.Errorf("%d processes, %v", len(all), err)
	}
	begun := time.Now()
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 40*time.Second { // twenty times what is stated
		t.Errorf("Kill took %v", took)
	}
	if all, err := g.Procs(); err != nil || len(all) != 0 {
		t.Errorf("%d processes, %v", len(all), err)
	}
	s.dies(t)
}

func killed(t *testing.T, tr *Tree, what string) {
	t.Helper()
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Limit(Limits{Pids: 300, Defaults: map[What]bool{Pids: true}}); err != nil {
		t.Fatal(err)
	}
	if what == "burrow" {
		what += " " + strings.Join(g.made(), " ")
	}
	s := start(t, g, what)
	if full, err := g.Populated(); !full || err != nil {
		t.Errorf("populated: %v, %v", full, err)
	}
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	// Nobody has the pipe any more: whoever had it was in the group.
	if err := s.out.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for one := make([]byte, 64); ; {
		if _, err := s.out.Read(one); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("somebody lives")
			break
		} else if err != nil {
			break
		}
	}
	if left, err := g.Procs(); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	s.dies(t)
	if err := g.Remove(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
}

// A group that was killed takes the next run, whatever it was: some kernels
// kill what is cloned into it.
func TestStartWhereSomethingWasKilled(t *testing.T) {
	tr := tree(t)
	for _, g := range []Group{tr.Process("web"), tr.Checks(), tr.Check("alive?")} {
		for range 3 {
			if err := g.Make(); err != nil {
				t.Fatal(err)
			}
			s := start(t, g, "sleep")
			if err := g.Make(); err != nil { // somebody lives in it
				t.Fatal(err)
			}
			if left, err := g.Procs(); err != nil || len(left) != 1 {
				t.Errorf("%s: %v, %v", g, left, err)
			}
			if err := g.Kill(within(t, time.Minute)); err != nil {
				t.Fatal(err)
			}
			s.dies(t)
		}
	}
}

// What is frozen where Kill does not thaw it dies as little as what sleeps
// uninterruptibly: it is named, and once it can go it is killed.
func TestKillNamesWhoIsLeft(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	s := start(t, g, "sleep")
	f := iceFor(t, s.Process.Pid)
	if err := writeFile(f.file, f.on); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.thaw(); err != nil {
			t.Error(err)
		}
	})
	begun := time.Now()
	err := g.Kill(within(t, 300*time.Millisecond))
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("Kill took %v", took)
	}
	var alive *Alive
	if !errors.As(err, &alive) {
		t.Fatalf("Kill: %v", err)
	}
	one := alive.Procs[0]
	if len(alive.Procs) != 1 || one.Pid != s.Process.Pid || one.Command != "/proc/self/exe" || !strings.HasSuffix(one.Group, "/task/p-web") {
		t.Errorf("alive: %+v", alive)
	}
	if one.State != "D" || one.Wchan == "" {
		t.Errorf("state and wait channel of what is frozen: %q, %q", one.State, one.Wchan)
	}
	t.Log(err)
	if err := f.thaw(); err != nil {
		t.Fatal(err)
	}
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
}

// iceFor freezes a process from outside of its task: in v1's freezer if the
// task is contained elsewhere, else in a group above.
func iceFor(t *testing.T, pid int) freezer {
	t.Helper()
	dir, ok := host(t).Own["freezer"]
	if !ok {
		t.Skip("needs: a freezer of v1: what v2 has frozen can be killed")
	}
	at := path.Join(dir, "dewar-ice-"+strconv.Itoa(os.Getpid()))
	if err := makeDir(at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Rmdir(at); err != nil {
			t.Error(err)
		}
	})
	if err := writeFile(at+"/cgroup.procs", strconv.Itoa(pid)); err != nil {
		t.Fatal(err)
	}
	return freezer{file: at + "/freezer.state", on: "FROZEN", off: "THAWED"}
}

func TestSignalReachesEachOnce(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	s := start(t, g, "family 20")
	before, err := g.Procs()
	if err != nil || len(before) != 21 {
		t.Fatalf("%d processes, %v", len(before), err)
	}
	if err := g.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, pid := range before {
		for end := time.Now().Add(10 * time.Second); stateOf(pid) != "T"; {
			if time.Now().After(end) {
				t.Fatalf("%d is %s, not stopped", pid, stateOf(pid))
			}
		}
	}
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
}

func TestFreeze(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	s := start(t, g, "spin")
	if err := tr.Task().Freeze(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, frozen := range []Group{tr.Task(), g} {
		if is, err := frozen.Frozen(); !is || err != nil {
			t.Errorf("%s frozen: %v, %v", frozen, is, err)
		}
	}
	if err := tr.Task().Thaw(); err != nil {
		t.Fatal(err)
	}
	if is, err := g.Frozen(); is || err != nil {
		t.Errorf("frozen: %v, %v", is, err)
	}
	if err := g.Freeze(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := tr.Task().Kill(within(t, time.Minute)); err != nil { // what is frozen below, too
		t.Fatal(err)
	}
	s.dies(t)
}
