package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/test/needs"
)

// absent says which lanes there were not. What a test needs that only they
// have does not count as forgotten.
type absent struct {
	root   bool
	guests error // why there were none
	some   bool  // not all lanes were asked for: nothing counts as forgotten
}

// excuses are how the reasons begin that are excused.
func (a absent) excuses() (reasons []string) {
	if a.root {
		reasons = append(reasons, needs.ReasonRoot)
	}
	if a.guests != nil {
		reasons = append(reasons, needs.ReasonKernel, needs.ReasonGuest)
	}
	return reasons
}

// report shows how the lanes went and says whether all is well: no test has
// failed, and each ran somewhere.
func report(w io.Writer, lanes []Results, not absent) bool {
	ok := true
	for _, l := range lanes {
		say(w, "lane %s: %d passed, %d failed, %d skipped\n", l.Lane, l.count(passed), l.count(failed), l.count(skipped))
		for _, t := range l.Flaky {
			say(w, "lane %s: FLAKY: %s %s failed, as is shown above, and passed when it was run once more\n", l.Lane, t.Package, t.Name)
		}
		if len(l.Failed) > 0 {
			say(w, "lane %s: FAIL %s\n", l.Lane, strings.Join(l.Failed, " "))
			ok = false
		}
		if l.Broken {
			say(w, "lane %s: go test failed, though no test did\n", l.Lane)
			ok = false
		}
		if len(l.Left) > 0 {
			say(w, "FAIL: the tests of lane %s left programs of ours running, which are killed now: %s\n", l.Lane, strings.Join(l.Left, " "))
			ok = false
		}
	}
	if not.root {
		say(w, "there was no root lane: it takes root\n")
	}
	if not.guests != nil {
		say(w, "there were no guests: %v\n", not.guests)
	}
	if not.some {
		return ok
	}
	for _, f := range forgotten(lanes) {
		if excuse := f.excuse(not.excuses()); excuse != "" {
			say(w, "not run: %s %s (%s)\n", f.test.Package, f.test.Name, excuse)
			continue
		}
		say(w, "FAIL: %s %s ran in no lane: %s\n", f.test.Package, f.test.Name, strings.Join(f.why, "; "))
		ok = false
	}
	return ok
}

// skippedEverywhere is a test that ran in no lane, and why.
type skippedEverywhere struct {
	test Test
	why  []string
}

// excuse is the first reason that begins as one of excuses, or "". Of a reason
// that is excused as a whole only the excuse is told.
func (s skippedEverywhere) excuse(excuses []string) string {
	for _, why := range s.why {
		for _, excuse := range excuses {
			if rest, ok := strings.CutPrefix(why, excuse); ok && strings.HasSuffix(excuse, " ") {
				return excuse + rest
			} else if ok {
				return excuse
			}
		}
	}
	return ""
}

func forgotten(lanes []Results) []skippedEverywhere {
	why := map[Test][]string{}
	for _, l := range lanes {
		for t, o := range l.Outcome {
			if o == skipped && !slices.Contains(why[t], l.Reason[t]) {
				why[t] = append(why[t], l.Reason[t])
			}
		}
	}
	for _, l := range lanes {
		for t, o := range l.Outcome {
			if o != skipped {
				delete(why, t)
			}
		}
	}
	var all []skippedEverywhere
	for t, reasons := range why {
		all = append(all, skippedEverywhere{t, reasons})
	}
	slices.SortFunc(all, func(a, b skippedEverywhere) int {
		return strings.Compare(a.test.Package+" "+a.test.Name, b.test.Package+" "+b.test.Name)
	})
	return all
}

func say(w io.Writer, format string, args ...any) {
	if _, err := fmt.Fprintf(w, format, args...); err != nil {
		panic(err) // as in reader.show
	}
}
