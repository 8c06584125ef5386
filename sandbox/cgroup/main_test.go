package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary is its own payloads: what they are is in payload_test.go.
const (
	payloadEnv = "DEWAR_TEST_PAYLOAD"
	joinEnv    = "DEWAR_TEST_JOIN" // cgroup.procs files of v1, separated by newlines
)

func TestMain(m *testing.M) {
	if what := os.Getenv(payloadEnv); what != "" {
		if err := enter(os.Getenv(joinEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(120)
		}
		payload(strings.Fields(what))
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// enter is what the exec step does.
func enter(files string) error {
	for file := range strings.SplitSeq(files, "\n") {
		if file == "" {
			continue
		}
		if err := writeFile(file, "0"); err != nil {
			return err
		}
	}
	return nil
}

// started is a payload that runs in a group.
type started struct {
	*exec.Cmd
	out *os.File // what it says; at its end all who have it are gone
}

// start starts a payload born in g, and waits for the first byte that it says.
func start(t testing.TB, g Group, what string) started {
	t.Helper()
	s := startOnly(t, g, what)
	s.hear(t)
	return s
}

// startOnly does not wait.
func startOnly(t testing.TB, g Group, what string) started {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, read) })
	unified, v1 := g.Entry()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{payloadEnv + "=" + what, joinEnv + "=" + strings.Join(v1, "\n"), "GOMAXPROCS=1"}
	cmd.Stdout, cmd.Stderr = write, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if unified != "" {
		dir, err := os.Open(unified)
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, dir)
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	closed(t, write)
	s := started{cmd, read}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return s
}

// hear waits for a byte.
func (s started) hear(t testing.TB) {
	t.Helper()
	if err := s.out.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("wait for the payload: %v", err)
	}
}

// dies reaps a payload.
func (s started) dies(t testing.TB) {
	t.Helper()
	err := s.Wait()
	if err == nil || s.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the payload ended by %v, not by KILL", err)
	}
}

func closed(t testing.TB, f *os.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
