package cgroup

import (
	"testing"
	"time"
)

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
