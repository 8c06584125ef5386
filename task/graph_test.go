package task

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func named(names ...string) []Process {
	var ps []Process
	for _, n := range names {
		p := DefaultProcess()
		p.Name, p.Cmdline = n, "true"
		ps = append(ps, p)
	}
	return ps
}

func TestEdges(t *testing.T) {
	made := DefaultTask()
	made.Name, made.Processes = "x", named("a", "b", "c")
	made.Constraints = []Constraint{{Order: []string{"a", "b", "c"}}, {Order: []string{"a", "b"}}, {Order: []string{"c"}}, {Order: []string{"nobody", "c"}}}
	made.Processes[2].After = []Edge{{Process: "a", When: WhenReady}, {Process: "b", When: ""}, {Process: "a", When: WhenStarted}, {Process: "a", When: WhenReady}, {Process: "nobody", When: WhenReady}}
	want := [][]Edge{
		nil,
		{{Process: "a", When: WhenSuccess}},
		{{Process: "b", When: WhenSuccess}, {Process: "a", When: WhenReady}, {Process: "a", When: WhenStarted}},
	}
	if diff := cmp.Diff(want, made.Edges()); diff != "" {
		t.Error(diff)
	}
}

// The reference: a graph has a cycle if some process can be reached from
// itself.
func reaches(edges map[int][]int, n int) [][]bool {
	reach := make([][]bool, n)
	for i := range reach {
		reach[i] = make([]bool, n)
		for _, j := range edges[i] {
			reach[i][j] = true
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
			}
		}
	}
	return reach
}

func TestCycles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "processes")
		var links []link
		edges := make(map[int][]int)
		for range rapid.IntRange(0, 12).Draw(t, "links") {
			l := link{from: rapid.IntRange(0, n-1).Draw(t, "from"), to: rapid.IntRange(0, n-1).Draw(t, "to")}
			links, edges[l.from] = append(links, l), append(edges[l.from], l.to)
		}
		reach := reaches(edges, n)
		tangled := make(map[int]bool)
		for i := range n {
			if reach[i][i] {
				tangled[i] = true
			}
		}
		found := cycles(n, links)
		if (len(found) > 0) != (len(tangled) > 0) {
			t.Fatalf("%d cycles found; in cycles are %v", len(found), tangled)
		}
		said := make(map[int]bool)
		for _, cycle := range found {
			for i, l := range cycle {
				if said[l.from] {
					t.Errorf("%d is said twice: %v", l.from, found)
				}
				said[l.from] = true
				if next := cycle[(i+1)%len(cycle)]; l.to != next.from || !slices.Contains(edges[l.from], l.to) {
					t.Errorf("not a cycle: %v", cycle)
				}
			}
		}
		// what is left of the graph without the processes that were said may
		// hold further cycles only through those
		for i := range tangled {
			touches := said[i]
			for j := range said {
				touches = touches || reach[i][j] && reach[j][i]
			}
			if !touches {
				t.Errorf("%d waits for itself, and no cycle near it is said: %v", i, found)
			}
		}
	})
}

func TestLongChains(t *testing.T) {
	const n = 10_000
	made := DefaultTask()
	made.Name = "chain"
	names := make([]string, n)
	for i := range n {
		names[i] = fmt.Sprint("p", i)
	}
	made.Processes = named(names...)
	made.Constraints = []Constraint{{Order: names}}
	begin := time.Now()
	if problems := made.Validate(); problems != nil {
		t.Errorf("%v", problems[0])
	}
	if edges := made.Edges(); len(edges) != n || len(edges[n-1]) != 1 {
		t.Error("edges are missing")
	}
	made.Constraints[0].Order = append(slices.Clone(names), "p0")
	problems := made.Validate()
	if len(problems) != 1 || !strings.Contains(problems[0].Sentence, "p0 → p1 → p2 → p3 → p4 → p5 → … → p9995 → p9996 → p9997 → p9998 → p9999 → p0;") {
		t.Errorf("%v", problems)
	}
	// all of one half wait for all of ten
	made.Constraints = nil
	for i := n / 2; i < n; i++ {
		for j := range 10 {
			made.Processes[i].After = append(made.Processes[i].After, Edge{Process: names[j], When: WhenExit})
		}
	}
	if problems := made.Validate(); problems != nil || len(made.Edges()[n-1]) != 10 {
		t.Errorf("%v", problems)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestNearest(t *testing.T) {
	fields := []string{"name", "processes", "max_failures", "max_concurrency", "min_duration", "daemon", "final", "env"}
	for word, want := range map[string]string{
		"nmae": "name", "procesess": "processes", "max_failure": "max_failures", "Daemon": "daemon", "maxfailures": "max_failures",
		"min-duration": "min_duration", "evn": "env", "finl": "final", "xyz": "", "": "", "entirely_else": "", strings.Repeat("x", 1000): "",
	} {
		if got := Nearest(word, fields); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	long := Quote(strings.Repeat("é", 1000) + "\n")
	if len(long) > 160 || !strings.Contains(long, "…") || !strings.HasSuffix(long, `é\n"`) || strings.Contains(long, "\ufffd") || strings.Contains(long, `\x`) {
		t.Errorf("a long text is quoted as %s", long)
	}
	if got := Quote("a\x00b"); got != `"a\x00b"` {
		t.Error(got)
	}
}
