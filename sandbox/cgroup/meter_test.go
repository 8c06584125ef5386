package cgroup

import (
	"testing"
	"time"
)

// In a group where nobody ran, only what others change is read again.
func TestIdle(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	start(t, g, "family 3")
	m, err := g.Meter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var u Usage
	quiet := func() bool { return idle(m) }
	for end := time.Now().Add(30 * time.Second); !quiet(); { // they have to fall asleep first
		if time.Now().After(end) {
			t.Fatalf("never idle: %+v", u)
		}
		if u, err = m.Read(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	before := u.Pids
	start(t, g, "family 2")
	if u, err = m.Read(); err != nil {
		t.Fatal(err)
	}
	if quiet() || before != -1 && u.Pids < before+3 {
		t.Errorf("idle is %v, %d processes after %d and three more", quiet(), u.Pids, before)
	}
}

// What v1 counts of a quota stays when v2's file of the same name knows of none.
func TestLearnCPUOfHybrid(t *testing.T) {
	u := nothing
	learnThrottle(&u, []byte("nr_periods 7\nnr_throttled 3\nthrottled_time 5000\n"))
	learnCPU(&u, []byte("usage_usec 3\nuser_usec 2\nsystem_usec 1\n"))
	if u.Periods != 7 || u.Hits != 3 || u.Throttled != 5*time.Microsecond || u.CPU != 3*time.Microsecond {
		t.Errorf("%+v", u)
	}
}

// A pressure is not read again only while it cannot have grown.
func TestCalm(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	text := func(avg, total string) []byte {
		return []byte("some avg10=" + avg + " avg60=0.00 avg300=0.00 total=" + total + "\n")
	}
	above := &Meter{said: nothing}
	m := &Meter{said: nothing, within: above}
	read := func(m *Meter, s int, avg, total string) {
		m.now = at(s)
		press(1)(m, text(avg, total))
	}
	check := func(when string, want bool) {
		t.Helper()
		if got := calm(1)(m); got != want {
			t.Errorf("%s: calm is %v", when, got)
		}
	}
	check("nothing was read", false)
	read(above, 100, "0.00", "7")
	read(m, 100, "0.00", "7")
	check("it may just have waited", false)
	read(above, 104, "0.00", "7")
	read(m, 104, "0.00", "7")
	check("the averages may be about to show it", false)
	read(above, 106, "0.00", "7")
	read(m, 106, "0.00", "7")
	check("nobody has waited for 6 s", true)
	read(above, 107, "0.00", "9")
	check("somebody in the group above has waited", false)
	read(m, 107, "1.50", "8")
	read(above, 120, "0.00", "9")
	check("it has not yet worn off", false)
	read(m, 120, "0.00", "8")
	check("it has", true)
	m.within = nil
	check("nothing is known of what is above", false)
}
