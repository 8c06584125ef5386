package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/test/programs"
)

// TestMain lets the test binary be the payload that it measures.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && commands[os.Args[1]] != nil {
		exitOn(commands[os.Args[1]](os.Args[2:]))
		return
	}
	os.Exit(programs.Main(m))
}

// TestPromises measures everything once, and holds the figures to twenty times
// what is promised: tests run on busy machines, and with the race detector.
func TestPromises(t *testing.T) {
	place, err := os.MkdirTemp("", "dewar-bench-") // short names, open to those who are measured
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(place); err != nil {
			t.Error(err)
		}
	})
	b, err := newBench(programs.Dir(t), place, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	wanted := func(work string) bool { return !racing || work != reopening && work != thousandChecks }
	report, err := b.measure(wanted)
	if err != nil {
		t.Fatal(err)
	}
	medians := map[string]map[string]float64{}
	for _, row := range report.Rows {
		if medians[row.Work] == nil {
			medians[row.Work] = map[string]float64{}
		}
		medians[row.Work][row.By] = row.Median
	}
	for work, rows := range promises {
		if !wanted(work) {
			continue
		}
		for by, p := range rows {
			if by == lateness {
				continue // where others want both processors it is the scheduler's
			}
			median, measured := medians[work][by]
			if !measured && p.view {
				continue
			}
			if !measured {
				t.Errorf("%s: %s was not measured", work, by)
			}
			if goal, kept, _ := judge(work, by, median, medians[work], 20); kept != nil && !*kept {
				t.Errorf("%s: %s is %v, not within twenty times %s", work, by, median, goal)
			}
		}
	}
}

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
		goal, kept, _ := judge(c.work, c.by, c.median, medians, 1)
		if goal != c.goal || verdict(kept) != c.kept {
			t.Errorf("judge(%s, %s, %v) = %q %q, want %q %q", c.work, c.by, c.median, goal, verdict(kept), c.goal, c.kept)
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

func TestPutInto(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc")
	put := func(content string) error {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return (&Report{}).putInto(file)
	}
	if err := put("no marks\n"); err == nil {
		t.Error("a document without marks was taken")
	}
	if err := put("above\n" + tableBegins + "old\n" + tableEnds + "below\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(got); !strings.HasPrefix(text, "above\n"+tableBegins+"\n```\n") || !strings.HasSuffix(text, "```\n\n"+tableEnds+"below\n") || strings.Contains(text, "old") {
		t.Errorf("the document is now:\n%s", text)
	}
}
