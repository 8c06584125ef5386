package cgroup

import (
	"errors"
	"os"
	"path"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/needs"
)

// The last two of a task step out of ctl/, unless another group in their own one
// has its controllers from there.
func TestStepOut(t *testing.T) {
	needs.Root(t)
	h := host(t)
	if h.Mode != V2 {
		t.Skip(needs.Prefix + "v2")
	}
	own := path.Join(h.Own[""], "dewar-step-out-"+itoa(int64(os.Getpid())))
	mkdirs(t, own)
	t.Cleanup(func() {
		if err := os.Remove(own); err != nil {
			t.Error(err)
		}
	})
	for _, word := range wanted {
		if err := enable(h.Own[""], word); err != nil {
			t.Fatal(err)
		}
	}
	tr := Open(Place{Mode: V2, Unified: path.Join(own, top("a task"))})
	t.Cleanup(func() { razed(t, tr) })
	mkdirs(t, tr.place.Unified)
	s := start(t, tr.all(), "sleep") // it stands in for shim and brain
	put(t, own+"/cgroup.procs", itoa(int64(s.Process.Pid)))
	if err := tr.Make(s.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := tr.stepBack(s.Process.Pid); !errors.Is(err, syscall.EBUSY) {
		t.Fatalf("there is nothing to step out for: %v", err)
	}
	if err := tr.Task().Remove(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	mkdirs(t, own+"/other")
	put(t, own+"/other/memory.max", "1073741824")
	if err := tr.stepOut(s.Process.Pid); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("with another group beside: %v", err)
	}
	if text, err := readFile(own + "/other/memory.max"); text != "1073741824" || err != nil {
		t.Errorf("the other's limit is %s, %v", text, err)
	}
	if err := os.Remove(own + "/other"); err != nil {
		t.Fatal(err)
	}
	if err := tr.stepOut(); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("with somebody else in ctl: %v", err)
	}
	if err := tr.stepOut(s.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := tr.Remove(within(t, time.Minute)); err != nil || tr.Exists() {
		t.Errorf("it stays: %v", err)
	}
	if here, err := tr.Beside(); err != nil || len(here) != 1 {
		t.Errorf("in our own group: %v, %v", here, err)
	}
	if err := s.Process.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	s.dies(t)
}

// One of those who go home may have died meanwhile.
func TestStepHomeOfTheDead(t *testing.T) {
	tr := tree(t)
	s := start(t, tr.all(), "sleep")
	if err := tr.Ctl().Make(); err != nil {
		t.Fatal(err)
	}
	if err := s.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
	if err := tr.StepHome(s.Process.Pid); err != nil {
		t.Error(err)
	}
}
