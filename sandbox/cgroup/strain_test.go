package cgroup

import (
	"testing"
	"time"
)

// A quota of the task's strains the leaf that uses it up, and no sooner.
func TestStrain(t *testing.T) {
	needController(t, "cpu")
	tr := tree(t)
	leaf := tr.Process("web")
	if err := leaf.Make(); err != nil {
		t.Fatal(err)
	}
	limited(t, tr.Task(), Limits{CPUHard: 0.05})
	strain := func() Strain {
		s, err := leaf.Strain()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	start(t, leaf, "sleep")
	was := strain()
	if s, err := tr.Process("nobody's").Strain(); err != nil || s.Throttled != was.Throttled {
		t.Errorf("a group that is not there: %+v, %v; the leaf %+v", s, err, was)
	}
	for end := time.Now().Add(20 * time.Second); ; { // to start took something, too
		before := strain()
		time.Sleep(300 * time.Millisecond)
		idle := strain().Since(before)
		if idle.Throttled == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("who sleeps is throttled: %+v", idle)
		}
	}
	was = strain()
	start(t, leaf, "spin 1")
	for end := time.Now().Add(20 * time.Second); strain().Since(was).Throttled < 3; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("who spins at a twentieth of a processor: %+v", strain().Since(was))
		}
	}
}

func TestStalled(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=99\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=12345678\n": 12345678 * time.Microsecond,
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=99\n":                                                        0,
		"": 0,
	} {
		if got := allStalled([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if _, err := stalled("/proc/pressure/memory"); err != nil {
		t.Error(err)
	}
}
