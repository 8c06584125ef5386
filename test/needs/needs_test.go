package needs

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// probe records what a test would have seen, and stops as one would.
type probe struct {
	testing.TB
	skipped, failed string
}

func (p *probe) Helper() {}
func (p *probe) Skip(args ...any) {
	p.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}
func (p *probe) Fatalf(format string, args ...any) {
	p.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func ask(need func(testing.TB)) *probe {
	p := &probe{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		need(p)
	}()
	<-done
	return p
}

func TestExactlyOneOfRootAndUser(t *testing.T) {
	root, user := ask(Root), ask(User)
	if os.Geteuid() == 0 {
		if root.skipped != "" || user.skipped != ReasonUser {
			t.Fatalf("as root: Root skipped %q, User skipped %q", root.skipped, user.skipped)
		}
		return
	}
	if root.skipped != ReasonRoot || user.skipped != "" {
		t.Fatalf("as a user: Root skipped %q, User skipped %q", root.skipped, user.skipped)
	}
}

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv("DEWAR_TEST_STRICT", "")
	if got := Program(t, "dewar-not-there", "there"); got != there {
		t.Fatalf("Program = %q, want %q", got, there)
	}
	missing := func(tb testing.TB) { Program(tb, "dewar-not-there") }
	if p := ask(missing); p.skipped != "needs: dewar-not-there" || p.failed != "" {
		t.Fatalf("missing program: skipped %q, failed %q", p.skipped, p.failed)
	}
	t.Setenv("DEWAR_TEST_STRICT", "1")
	if p := ask(missing); p.skipped != "" || p.failed == "" {
		t.Fatalf("missing program, strict: skipped %q, failed %q", p.skipped, p.failed)
	}
}
