package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dewarhq/dewar/test/host"
)

// Row is one thing measured: a program (or a part of ours) at one work.
type Row struct {
	Work    string    `json:"work"`
	By      string    `json:"by"`
	Unit    string    `json:"unit"`
	Values  []float64 `json:"values"`
	Median  float64   `json:"median"`
	P95     float64   `json:"p95"`
	Load    float64   `json:"load"` // the machine's load average when it was done
	Promise string    `json:"promise,omitempty"`
	Kept    *bool     `json:"kept,omitempty"`
	Thermos string    `json:"thermos,omitempty"`
}

// Report is everything that one go has measured.
type Report struct {
	Begun time.Time  `json:"begun"`
	Host  host.Facts `json:"host"`
	Rows  []Row      `json:"rows"`
}

// add takes the rows of one work.
func (r *Report) add(work string, rows []Row) {
	medians := map[string]float64{}
	for i := range rows {
		row := &rows[i]
		row.Work, row.Load = work, host.LoadAverage()
		row.Median, row.P95 = quantile(row.Values, 0.5), quantile(row.Values, 0.95)
		medians[row.By] = row.Median
	}
	for _, row := range rows {
		row.Promise, row.Kept, row.Thermos = judge(work, row.By, row.Median, medians, 1)
		r.Rows = append(r.Rows, row)
	}
}

// quantile is the value below or at which a share q of values lies: the
// nearest rank, except that the median of an even number is the middle of two.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	switch {
	case n == 0:
		return math.NaN()
	case q == 0.5 && n%2 == 0:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[max(0, int(math.Ceil(q*float64(n)))-1)]
}

func (r *Report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d cores, Linux %s, %s, commit %s; load %.2f before, %.2f after\n\n",
		r.Host.CPU, r.Host.Cores, r.Host.Kernel, r.Host.Go, r.Host.Commit, r.Host.LoadBefore, r.Host.LoadAfter)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "work\tby\tmedian\tp95\tunit\tn\tload\tto reach\t\tThermos")
	last := ""
	for _, row := range r.Rows {
		work := row.Work
		if work == last {
			work = ""
		}
		last = row.Work
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%.1f\t%s\t%s\t%s\n", work, row.By, figure(row.Median), figure(row.P95),
			row.Unit, len(row.Values), row.Load, row.Promise, verdict(row.Kept), row.Thermos)
	}
	exitOn(t.Flush())
}

func verdict(kept *bool) string {
	switch {
	case kept == nil:
		return ""
	case *kept:
		return "yes"
	}
	return "NO"
}

// figure is a number with three digits that matter.
func figure(v float64) string {
	switch {
	case v == math.Trunc(v) || math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.2f", v), "0")
}

func (r *Report) write(file string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o644)
}

// The table of a document stands between these lines.
const (
	tableBegins = "<!-- what follows is written by make bench -->\n"
	tableEnds   = "<!-- until here -->\n"
)

// putInto replaces the table of a document.
func (r *Report) putInto(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(content), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("put the table into %s: it lacks the line %q or %q", file, tableBegins, tableEnds)
	}
	var text strings.Builder
	text.WriteString(before + tableBegins + "\n```\n" + r.Begun.Format("2006-01-02") + ": ")
	r.print(&text)
	text.WriteString("```\n\n" + tableEnds + after)
	return os.WriteFile(file, []byte(text.String()), 0o644)
}
