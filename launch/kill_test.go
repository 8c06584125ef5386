package launch

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
)

func wish(grace time.Duration, after time.Duration) Wish {
	return Wish{Grace: grace, By: "a test", Reason: "because", At: start.Add(after)}
}

func fields(t *testing.T, dir task.Dir) string {
	t.Helper()
	text, err := os.ReadFile(dir.Shutdown())
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\x00", "\n")
}

func TestShutdown(t *testing.T) {
	dir, err := Make(t.TempDir(), launchOf("t"))
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		wish Wish
		want string // the grace that stands then
	}{
		{wish(30*time.Second, 0), "grace=30\n"},
		{wish(time.Minute, time.Second), "grace=30\n"},     // later: the first stays
		{wish(1500*time.Millisecond, 0), "grace=1.5\n"},    // sooner
		{wish(1500*time.Millisecond, time.Second), "=1.5"}, // the same, but later
		{wish(0, 0), "grace=0\n"},
	}
	for _, s := range steps {
		if err := Shutdown(dir, s.wish); err != nil {
			t.Fatal(err)
		}
		if got := fields(t, dir); !strings.Contains(got, s.want) || !strings.Contains(got, "by=a test\nreason=because\nwall=") {
			t.Errorf("after a wish of %v there stands %q", s.wish, got)
		}
	}
	for _, bad := range []string{"", "garbage", "grace=x\x00wall=1\x00", "grace=1\x00"} {
		if err := os.WriteFile(dir.Shutdown(), []byte(bad), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := Shutdown(dir, wish(time.Hour, 0)); err != nil || !strings.HasPrefix(fields(t, dir), "grace=3600\n") {
			t.Errorf("over %q: %v, %q", bad, err, fields(t, dir))
		}
	}
}

func TestShutdownTellsTheShim(t *testing.T) {
	dir, err := Make(t.TempDir(), launchOf("t"))
	if err != nil {
		t.Fatal(err)
	}
	tells(t, dir)
}

func TestShutdownTellsTheShimWhatCannotBeWritten(t *testing.T) {
	dir, err := Make(t.TempDir(), launchOf("t"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir.Shutdown(), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := Shutdown(dir, wish(0, 0)); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("with nobody to tell it: %v", err)
	}
	tells(t, dir)
}

// tells fails if Shutdown does not end the holder of the shim's lock by TERM.
func tells(t *testing.T, dir task.Dir) {
	t.Helper()
	cmd, _ := holder(t, dir.ShimLock())
	if err := Shutdown(dir, wish(0, 0)); err != nil {
		t.Error(err)
	}
	var exit *exec.ExitError
	timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the holder of the shim's lock ended with %v, not by TERM", err)
	}
}

var errFinished = errors.New("it has finished")

// answering serves a task's control socket with one answer to everything.
func answering(t *testing.T, dir task.Dir, answer string) {
	t.Helper()
	address, release, err := control.Address(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := release(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			c.Write([]byte(answer))
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

func TestKill(t *testing.T) {
	fine := func() error { return nil }
	for _, test := range []struct {
		name     string
		answer   string // of the brain; none if empty
		wake     func() error
		answered bool
		want     string
		standing bool
	}{
		{"a brain answers", "HTTP/1.0 200 OK\r\n\r\n{}", fine, true, "", false},
		{"a brain refuses", "HTTP/1.0 403 no\r\n\r\n{\"error\":\"you may not\"}", fine, false, "you may not", false},
		{"a brain dies", "HT", fine, false, "", true},
		{"no brain answers", "", fine, false, "", true},
		{"it has finished", "", func() error { return errFinished }, false, "it has finished", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, err := Make(t.TempDir(), launchOf("t"))
			if err != nil {
				t.Fatal(err)
			}
			if test.answer != "" {
				answering(t, dir, test.answer)
			}
			patience := 50 * time.Millisecond
			if strings.HasPrefix(test.answer, "HTTP/") {
				patience = 30 * time.Second
			}
			answered, err := Kill(context.Background(), dir, wish(0, 0), patience, test.wake)
			said := ""
			if err != nil {
				said = err.Error()
			}
			if answered != test.answered || said != test.want {
				t.Errorf("answered %v with %q, want %v with %q", answered, said, test.answered, test.want)
			}
			if _, err := os.Stat(dir.Shutdown()); (err == nil) != test.standing {
				t.Errorf("the standing wish: %v", err)
			}
		})
	}
}

func TestAskWaits(t *testing.T) {
	dir, err := Make(t.TempDir(), launchOf("t"))
	if err != nil {
		t.Fatal(err)
	}
	woken := 0
	err = Ask(context.Background(), dir, control.PathStop, control.Process{Process: "p"}, func() error {
		woken++
		answering(t, dir, "HTTP/1.0 200 OK\r\n\r\n{}")
		return nil
	})
	if err != nil || woken != 1 {
		t.Errorf("woken %d times, %v", woken, err)
	}
}

func TestAskGivesUp(t *testing.T) {
	dir, err := Make(t.TempDir(), launchOf("t"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := Ask(ctx, dir, control.PathStop, control.Process{}, func() error { return nil }); !errors.Is(err, control.ErrNoBrain) {
		t.Errorf("without a brain: %v", err)
	}
}

// hold is what the test's binary does for holdElsewhere: TERM ends it as it
// ends a program that does not expect it.
func hold() {
	signal.Reset(syscall.SIGTERM)
	os.Stdin.Read(make([]byte, 1))
}
