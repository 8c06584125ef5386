package main

import (
	"cmp"
	"maps"
	"slices"
)

// little says whether so little failed that it may be the machine's doing: tests
// of one or two packages, which were built and left nothing running.
func (r Results) little() bool {
	const packages, tests = 2, 6 // subtests counted
	failures := r.failures()
	for _, name := range r.Failed {
		if !slices.ContainsFunc(failures, func(t Test) bool { return t.Package == name }) {
			return false // it was not built, or its TestMain failed
		}
	}
	return len(failures) > 0 && len(failures) <= tests && len(r.Failed) <= packages && len(r.Left) == 0 && !r.Broken
}

func (r Results) failures() (all []Test) {
	for t, o := range r.Outcome {
		if o == failed {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b Test) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// mendedBy are the results of a first run in whose place, for what ran twice,
// stand those of the second. A failed test that the second run has not seen
// stays failed.
func (r Results) mendedBy(second Results) Results {
	for _, t := range r.failures() {
		if second.Outcome[t] == passed {
			r.Flaky = append(r.Flaky, t)
		} else if _, ran := second.Outcome[t]; !ran {
			second.Broken = true
		}
	}
	maps.Copy(r.Outcome, second.Outcome)
	maps.Copy(r.Reason, second.Reason)
	r.Failed, r.Broken = second.Failed, second.Broken
	r.Left = append(r.Left, second.Left...)
	return r
}
