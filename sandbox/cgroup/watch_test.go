package cgroup

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// heard waits for one bell, and lets others pass.
func heard(t *testing.T, w *Watcher, want Bell) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case got := <-w.Bells():
			if got == want {
				return
			}
		case <-limit:
			t.Fatalf("%s of %s did not ring", want.Kind, want.Group)
		}
	}
}

func watcher(t *testing.T) *Watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w, err := Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := w.Wait(); err != nil {
			t.Error(err)
		}
		if _, open := <-w.Bells(); open {
			t.Error("the channel is open after the end")
		}
		if err := w.Forget(Group{}); err == nil {
			t.Error("a watcher that has ended answers")
		}
	})
	return w
}

// An OOM rings, and the counts say whose limit it was and who was killed: the
// leaf that leaks, not its sibling.
func TestOOM(t *testing.T) {
	needController(t, "memory")
	for _, whose := range []string{"leaf", "task"} {
		t.Run(whose, func(t *testing.T) {
			tr := tree(t)
			leak, sound := tr.Process("leak"), tr.Process("sound")
			for _, g := range []Group{leak, sound} {
				if err := g.Make(); err != nil {
					t.Fatal(err)
				}
			}
			limited1 := leak
			if whose == "task" {
				limited1 = tr.Task()
			}
			none := int64(0)
			limited(t, limited1, Limits{RAM: 32 << 20, Swap: &none, Defaults: map[What]bool{Swap: true}})
			w := watcher(t)
			if err := w.OOM(leak); err != nil {
				t.Fatal(err)
			}
			machine, err := MachineOOM()
			if err != nil {
				t.Fatal(err)
			}
			other := start(t, sound, "sleep")
			s := startOnly(t, leak, "eat 134217728")
			heard(t, w, Bell{leak, OOM})
			s.dies(t)
			for g, want := range map[Group]int64{leak: 1, sound: 0} {
				if got, err := g.OOM(); err != nil || got.Kills != want {
					t.Errorf("%s: %+v, %v", g, got, err)
				}
			}
			got, err := limited1.OOM()
			if err != nil || got.Hits < 1 || got.Limit != 32<<20 || got.Peak < 30<<20 && got.Peak != -1 {
				t.Errorf("whose limit it was: %+v, %v", got, err)
			}
			if now, err := MachineOOM(); err != nil || now <= machine {
				t.Errorf("of the machine: %d, before %d, %v", now, machine, err)
			}
			if err := tr.Task().Kill(within(t, time.Minute)); err != nil {
				t.Fatal(err)
			}
			other.dies(t)
		})
	}
}

func TestEmptyRings(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	w := watcher(t)
	err := w.Empty(g)
	if g.unified() == "" {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("v1: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, g, "daemon")
	heard(t, w, Bell{g, Empty})
	if full, err := g.Populated(); err != nil || !full {
		t.Errorf("populated: %v, %v", full, err)
	}
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	heard(t, w, Bell{g, Empty})
	s.dies(t)
	if err := w.Forget(g); err != nil {
		t.Error(err)
	}
}

func TestPressureRings(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	w := watcher(t)
	err := w.Pressure(g, Trigger{Kind: CPUPressure, Stall: 50 * time.Millisecond, Window: 500 * time.Millisecond})
	if errors.Is(err, errors.ErrUnsupported) && g.unified() == "" {
		return
	}
	if err != nil {
		t.Skipf("needs: pressure stall information of groups: %v", err)
	}
	var all []started
	for range 6 { // more than there are cpus, or there is no pressure
		all = append(all, start(t, g, "spin"))
	}
	heard(t, w, Bell{g, CPUPressure})
	if u, err := g.Usage(); err != nil || u.CPU <= 0 || u.PressureCPU.Some < 0 {
		t.Errorf("usage: %+v, %v", u, err)
	}
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		s.dies(t)
	}
	if err := w.Pressure(g, Trigger{Kind: "heat"}); err == nil || !strings.Contains(err.Error(), "heat") {
		t.Errorf("an unknown kind: %v", err)
	}
}
