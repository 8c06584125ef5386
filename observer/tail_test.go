package observer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

func tailed(t *testing.T, w *written, o TailOptions) (string, error) {
	t.Helper()
	var b bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	err := Tail(ctx, w.dir, o, &b)
	return b.String(), err
}

func TestTailOnce(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a", Daemon: true}).begin()
	if text, err := tailed(t, w, TailOptions{}); text != "" || err == nil || err.Error() != `process "a" has not run yet` {
		t.Errorf("before it ran: %q, %v", text, err)
	}
	w.start(run("a", 0))
	if _, err := tailed(t, w, TailOptions{}); err == nil || err.Error() != "there is no stdout of a/0" {
		t.Errorf("before it wrote: %v", err)
	}
	w.log(run("a", 0), "stdout", "one\ntwo\nthree\n")
	w.log(run("a", 0), "stderr", "oh\n")
	w.end(run("a", 0), 0)
	w.start(run("a", 1))
	w.log(run("a", 1), "stdout", "again\n")
	zero, two := 0, 2
	for _, c := range []struct {
		o    TailOptions
		want string
	}{
		{TailOptions{}, "again\n"},
		{TailOptions{Process: "a", Run: &zero}, "one\ntwo\nthree\n"},
		{TailOptions{Run: &zero, Last: &two}, "two\nthree\n"},
		{TailOptions{Run: &zero, Last: &zero}, ""},
		{TailOptions{Run: &zero, Stream: Stderr}, "oh\n"},
		{TailOptions{Run: &zero, Follow: true}, "one\ntwo\nthree\n"},
	} {
		if text, err := tailed(t, w, c.o); text != c.want || err != nil {
			t.Errorf("%+v: %q, %v", c.o, text, err)
		}
	}
	nine := 9
	_, err := tailed(t, w, TailOptions{Run: &nine})
	if err == nil || err.Error() != `run 9 of process "a" is not kept; the latest is 1` {
		t.Error(err)
	}
}

func TestTailOfWhat(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "web"}, task.Process{Name: "db"},
		task.Process{Name: "quiet", Logger: task.Logger{Destination: task.ToNone}},
		task.Process{Name: "loud", Logger: task.Logger{Destination: task.ToConsole}}).begin()
	for process, want := range map[string]string{
		"":       `the task has 4 processes, say which: "web", "db", "quiet", "loud"`,
		"wbe":    `no process "wbe"; did you mean "web"?`,
		"backup": `no process "backup"; it has "web", "db"`,
		"quiet":  "keeps no logs: its logger's destination is none",
		"loud":   string(w.dir.Console()),
	} {
		_, err := tailed(t, w, TailOptions{Process: process, Follow: true})
		if err == nil {
			t.Errorf("%q was tailed", process)
			continue
		}
		says(t, process, err.Error(), want)
	}
	w.file(w.dir.TaskJSON(), nil)
	_, err := tailed(t, w, TailOptions{Process: "web"})
	if err == nil {
		t.Fatal("tailed without a task")
	}
	says(t, "without a task", err.Error(), "task.json")
}

// sink is where a tail in another goroutine writes.
type sink struct {
	mu    sync.Mutex
	text  strings.Builder
	wrote chan struct{}
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	select {
	case s.wrote <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// until waits until the text is what is waited for.
func (s *sink) until(t *testing.T, want string) {
	t.Helper()
	timeout := time.After(deadline)
	for s.String() != want {
		select {
		case <-s.wrote:
		case <-timeout:
			t.Fatalf("it is\n%q, not\n%q", s.String(), want)
		}
	}
}

// tailing is a tail in a goroutine of its own.
func tailing(t *testing.T, w *written, o TailOptions) (s *sink, ended <-chan error) {
	s = &sink{wrote: make(chan struct{}, 1)}
	o.Follow = true
	o.Enter = func(id task.RunID) error {
		_, err := fmt.Fprintf(s, "==> %s\n", id)
		return err
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var owned sync.WaitGroup
	owned.Go(func() { done <- Tail(ctx, w.dir, o, s) })
	t.Cleanup(func() {
		cancel()
		owned.Wait()
	})
	return s, done
}

func ends(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(deadline):
		t.Fatal("the tail does not end")
		return nil
	}
}

// TestTailGoesFromRunToRun begins before the first run and ends with the task.
func TestTailGoesFromRunToRun(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a", Daemon: true}).begin()
	s, ended := tailing(t, w, TailOptions{})
	w.record(machine.Forking{RunID: run("a", 0)})
	w.log(run("a", 0), "stdout", "") // as before every command
	w.record(machine.Started{RunID: run("a", 0), Pid: 4711})
	w.log(run("a", 0), "stdout", "one\n")
	s.until(t, "==> a/0\none\n")
	w.log(run("a", 0), "stdout", "two\n")
	s.until(t, "==> a/0\none\ntwo\n")
	w.log(run("a", 0), "stderr", "not this\n")
	w.log(run("a", 0), "stdout", "three\n")
	w.end(run("a", 0), 0)
	w.log(run("a", 1), "stdout", "four\n")
	w.start(run("a", 1))
	w.end(run("a", 1), 0) // as fast as can be: no run is left out
	w.log(run("a", 2), "stdout", "five\n")
	w.start(run("a", 2))
	s.until(t, "==> a/0\none\ntwo\nthree\n==> a/1\nfour\n==> a/2\nfive\n")
	w.compact()
	w.log(run("a", 2), "stdout", "six\n")
	w.end(run("a", 2), 0)
	w.record(machine.KillAsked{By: "me"})
	w.finish()
	if err := ends(t, ended); err != nil {
		t.Error(err)
	}
	s.until(t, "==> a/0\none\ntwo\nthree\n==> a/1\nfour\n==> a/2\nfive\nsix\n")
}

func TestTailEndsWhenThereCanBeNoMore(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}, task.Process{Name: "never"}).begin()
	w.start(run("a", 0))
	w.log(run("a", 0), "stdout", "one\n")
	zero := 0
	named, namedEnded := tailing(t, w, TailOptions{Process: "a", Run: &zero})
	latest, latestEnded := tailing(t, w, TailOptions{Process: "a"})
	never, neverEnded := tailing(t, w, TailOptions{Process: "never"})
	gone, goneEnded := tailing(t, write(t, t.TempDir(), "some-2", task.Process{Name: "a"}), TailOptions{})
	named.until(t, "==> a/0\none\n")
	latest.until(t, "==> a/0\none\n")
	w.log(run("a", 0), "stdout", "two\n")
	w.end(run("a", 0), 0)
	if err := errors.Join(ends(t, namedEnded), ends(t, latestEnded)); err != nil {
		t.Error(err)
	}
	named.until(t, "==> a/0\none\ntwo\n")
	latest.until(t, "==> a/0\none\ntwo\n")
	w.record(machine.KillAsked{By: "me"})
	w.finish()
	if err := ends(t, neverEnded); err != nil || never.String() != "" {
		t.Errorf("%q, %v", never, err)
	}
	select {
	case err := <-goneEnded:
		t.Errorf("the tail of a task that has not begun ended: %v", err)
	default:
	}
	gone.until(t, "")
}

func TestTailOfALogThatIsEmptied(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	w.start(run("a", 0))
	w.log(run("a", 0), "stdout", "one\ntwo\n")
	one := 1
	s, _ := tailing(t, w, TailOptions{Last: &one})
	s.until(t, "==> a/0\ntwo\n")
	if err := os.Truncate(filepath.Join(w.dir.Logs(run("a", 0)), "stdout"), 0); err != nil {
		t.Fatal(err)
	}
	w.log(run("a", 0), "stdout", "new\n")
	s.until(t, "==> a/0\ntwo\nnew\n")
}

// TestTailAcrossRotation rotates as the shim does, faster than anybody could
// look: nothing is missed or told twice as long as it is there.
func TestTailAcrossRotation(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	w.start(run("a", 0))
	id := run("a", 0)
	w.log(id, "stdout", "")
	s, ended := tailing(t, w, TailOptions{})
	s.until(t, "==> a/0\n")
	want := strings.Builder{}
	want.WriteString("==> a/0\n")
	logs := w.dir.Logs(id)
	rotations := soak(200)
	for i := range rotations * 10 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		w.log(id, "stdout", line)
		if i%10 == 9 {
			for n := i / 10; n >= 0; n-- {
				err := os.Rename(filepath.Join(logs, numbered(Stdout, n)), filepath.Join(logs, numbered(Stdout, n+1)))
				if err != nil {
					t.Fatal(err)
				}
			}
			w.log(id, "stdout", "")
		}
	}
	w.end(id, 0)
	if err := ends(t, ended); err != nil {
		t.Error(err)
	}
	if got := s.String(); got != want.String() {
		g, n := strings.Split(got, "\n"), strings.Split(want.String(), "\n")
		for i := range n {
			if i >= len(g) || g[i] != n[i] {
				t.Fatalf("%d lines of %d; line %d differs", len(g), len(n), i)
			}
		}
		t.Fatalf("%d lines of %d", len(g), len(n))
	}
}

func TestTailEndsWithItsContext(t *testing.T) {
	w := write(t, t.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	mine := errors.New("mine")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(mine)
	if err := Tail(ctx, w.dir, TailOptions{Follow: true}, &bytes.Buffer{}); !errors.Is(err, mine) {
		t.Error(err)
	}
}
