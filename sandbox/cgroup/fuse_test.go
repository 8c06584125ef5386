package cgroup

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/mute"
	"github.com/dewarhq/dewar/test/needs"
)

// A process that waits for an answer of a file system that gives none can be
// killed by nobody: Kill says so, in time, with where it waits; and once the
// file system is gone, it is killed.
func TestKillWhatSleepsUninterruptibly(t *testing.T) {
	needs.Root(t)
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	fs := mute.Mount(t)
	other := start(t, g, "stubborn") // dies of the same Kill
	s := start(t, g, "open "+fs.Dir+"/file")
	fs.Asked(t)
	// The first KILL makes it wait uninterruptibly, the second finds it so.
	for range 2 {
		begun := time.Now()
		err := g.Kill(within(t, time.Second))
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("Kill took %v", took)
		}
		var alive *Alive
		if !errors.As(err, &alive) {
			t.Fatalf("Kill: %v", err)
		}
		if one := alive.Procs[0]; len(alive.Procs) != 1 || one.Pid != s.Process.Pid || one.State != "D" {
			t.Errorf("%+v", alive)
		}
		if text := err.Error(); !strings.Contains(text, strconv.Itoa(s.Process.Pid)) || !strings.Contains(text, "request_wait_answer") {
			t.Errorf("neither pid nor wait channel: %s", text)
		}
		t.Log(err)
	}
	other.dies(t)
	if full, err := g.Populated(); !full || err != nil {
		t.Errorf("populated: %v, %v", full, err)
	}
	if err := g.Remove(within(t, time.Second)); err == nil {
		t.Error("the group of a process that lives was removed")
	}
	fs.Close(t)
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
}
