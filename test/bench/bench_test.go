package main

import (
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{7}, 0.95, 7},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.95, 10},
		{[]float64{20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, 0.95, 19},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.values, c.q, got, c.want)
		}
	}
}

func TestJudge(t *testing.T) {
	medians := map[string]float64{"bash": 100}
	for _, c := range []struct {
		work, by string
		median   float64
		goal     string
		kept     string
	}{
		{"start, first exec", ours, 40, "≤ 40", "yes"},
		{"start, first exec", ours, 40.1, "≤ 40", "NO"},
		{"start, first exec", "s6", 1, "", ""},
		{"50 × true in parallel", ours, 250, "≤ 2.5 × bash", "yes"},
		{"50 × true in parallel", ours, 251, "≤ 2.5 × bash", "NO"},
		{"1,000 processes, max_concurrency 64", ours, 399, "≥ 400", "NO"},
		{"idle, 50 sleeping processes", "dewar, CPU over 30 s", 0, "0", "yes"},
		{"idle, 50 sleeping processes", "dewar, CPU over 30 s", 1, "0", "NO"},
	} {
		goal, kept, _ := judge(c.work, c.by, c.median, medians)
		if goal != c.goal || verdict(kept) != c.kept {
			t.Errorf("judge(%s, %s, %v) = %q %q, want %q %q", c.work, c.by, c.median, goal, verdict(kept), c.goal, c.kept)
		}
	}
}

// TestPromisesAreMeasured: a promise whose row nobody measures is not kept.
func TestPromisesAreMeasured(t *testing.T) {
	measured := map[string]bool{}
	for _, work := range works {
		measured[work.name] = true
	}
	for work := range promises {
		if !measured[work] {
			t.Errorf("%q is promised and not measured", work)
		}
	}
}

func TestTable(t *testing.T) {
	var r Report
	r.add("start, first exec", []Row{{By: "bash", Unit: "ms", Values: []float64{3}}, {By: ours, Unit: "ms", Values: []float64{30, 50}}})
	var out strings.Builder
	r.print(&out)
	for _, want := range []string{"dewar  40", "≤ 40", "yes", "240"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}
