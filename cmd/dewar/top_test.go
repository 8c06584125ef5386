package main

import "testing"

func TestTopLive(t *testing.T) {
	s := newShell(t)
	if code := s.dewar("run", "--detach", "--task-id", "busy", s.file(`
processes:
  - {name: spin, cmdline: "while :; do :; done"}
  - {name: rest, cmdline: "exec sleep 1000"}
`)).ends(); code != 0 {
		t.Fatalf("dewar run --detach: exit status %d", code)
	}
	t.Cleanup(func() { s.dewar("kill", "--now", "busy").ends() })
	p := s.dewar("top", "--interval", "100ms")
	p.sees("sorted by cpu")
	p.sees("spin")
	p.sees("rest")
	p.types("m")
	p.sees("sorted by memory")
	p.types("q")
	if code := p.ends(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	p.asksNothing()
}
