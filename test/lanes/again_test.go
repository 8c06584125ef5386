package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// madeOf are results of a lane in which the failed packages' tests failed.
func madeOf(failures ...Test) Results {
	r := Results{Lane: rootLane, Outcome: map[Test]Outcome{{"m/a", "TestGood"}: passed}, Reason: map[Test]string{}}
	for _, t := range failures {
		r.Outcome[t] = failed
		if len(r.Failed) == 0 || r.Failed[len(r.Failed)-1] != t.Package {
			r.Failed = append(r.Failed, t.Package)
		}
	}
	return r
}

func TestLittle(t *testing.T) {
	one := madeOf(Test{"m/a", "TestBad"})
	unbuilt, left, broken := madeOf(Test{"m/a", "TestBad"}), madeOf(Test{"m/a", "TestBad"}), madeOf(Test{"m/a", "TestBad"})
	unbuilt.Failed = append(unbuilt.Failed, "m/b")
	left.Left = []string{"17"}
	broken.Broken = true
	var many []Test
	for i := range 7 {
		many = append(many, Test{"m/a", fmt.Sprint("TestBad", i)})
	}
	for name, c := range map[string]struct {
		r    Results
		want bool
	}{
		"one test":        {one, true},
		"nothing":         {madeOf(), false},
		"two packages":    {madeOf(Test{"m/a", "TestBad"}, Test{"m/b", "TestBad"}), true},
		"three packages":  {madeOf(Test{"m/a", "TestBad"}, Test{"m/b", "TestBad"}, Test{"m/c", "TestBad"}), false},
		"many tests":      {madeOf(many...), false},
		"one not built":   {unbuilt, false},
		"something lives": {left, false},
		"go test failed":  {broken, false},
	} {
		if got := c.r.little(); got != c.want {
			t.Errorf("%s: little = %t, want %t", name, got, c.want)
		}
	}
}

func TestOnceMore(t *testing.T) {
	bad := Test{"m/a", "TestBad"}
	seen := func(o Outcome, packages ...string) Results {
		return Results{Outcome: map[Test]Outcome{bad: o}, Failed: packages}
	}
	for name, c := range map[string]struct {
		second Results
		ok     bool
		flaky  []Test
		said   string
	}{
		"it passes":      {seen(passed), true, []Test{bad}, "FLAKY: m/a TestBad"},
		"it fails again": {seen(failed, "m/a"), false, nil, "FAIL m/a"},
		"it is not run":  {Results{}, false, nil, "go test failed"},
	} {
		r := madeOf(bad).mendedBy(c.second)
		var said strings.Builder
		if ok := report(&said, []Results{r}, absent{}); ok != c.ok || !cmp.Equal(r.Flaky, c.flaky) || !strings.Contains(said.String(), c.said) {
			t.Errorf("%s: ok = %t, flaky %v, and it says\n%s", name, ok, r.Flaky, said.String())
		}
	}
}
