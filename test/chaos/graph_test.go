package chaos

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dewarhq/dewar/test/programs"
)

// node is a process of a graph and what must become of it.
type node struct {
	name        string
	codes       []int // exit status of run 0, 1, …
	maxFailures int
	lasts       time.Duration
	lines       int
	rotate      bool
	after       []string
	when        string
	port        int
}

type graph struct {
	nodes       []node
	concurrency int
}

// file is the task as a user would write it.
func (g graph) file(w *world) []byte {
	type m = map[string]any
	var processes []m
	for _, n := range g.nodes {
		argv := []string{
			programs.Path(w.t, "test/payload"), "-evidence", w.books,
			"-lines", strconv.Itoa(n.lines), "-for", n.lasts.String(), "-codes", join(n.codes),
		}
		if n.port != 0 {
			argv = append(argv, "-port", strconv.Itoa(n.port))
		}
		p := m{"name": n.name, "argv": argv, "max_failures": n.maxFailures, "min_duration": "20ms"}
		var after []m
		for _, a := range n.after {
			after = append(after, m{"process": a, "when": n.when})
		}
		if after != nil {
			p["after"] = after
		}
		if n.rotate {
			p["logger"] = m{"mode": "rotate", "rotate": m{"log_size": 2000, "backups": 50}}
		}
		processes = append(processes, p)
	}
	data, err := json.MarshalIndent(m{"name": "chaos", "processes": processes, "max_failures": 0, "max_concurrency": g.concurrency}, "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

func join(codes []int) string {
	words := make([]string, len(codes))
	for i, c := range codes {
		words[i] = strconv.Itoa(c)
	}
	return strings.Join(words, ",")
}

// sixty is a graph of sixty processes in five layers. All exit statuses are
// known, some runs fail and are repeated, some processes fail for good.
func sixty(unit time.Duration) graph {
	g := graph{concurrency: 24}
	for i := range 60 {
		n := node{
			name: fmt.Sprintf("p%02d", i), codes: []int{0}, maxFailures: 1,
			lasts: unit * time.Duration(1+i%7), lines: 40 * (i % 5), rotate: i%4 == 1, when: "exit",
		}
		switch i % 6 {
		case 1:
			n.codes, n.maxFailures = []int{1, 0}, 2
		case 2:
			n.codes, n.maxFailures = []int{3, 117, 0}, 5
		case 3:
			n.codes, n.maxFailures = []int{9, 8}, 2
		}
		if i >= 12 {
			n.after = []string{fmt.Sprintf("p%02d", i-12), fmt.Sprintf("p%02d", (i*7)%12)}
		}
		g.nodes = append(g.nodes, n)
	}
	return g
}

// check compares the journal, the books and the logs. lost says whether runs
// may have been lost: a lost one may be missing from the books, or be written
// there as ended; it is repeated, and counts nothing.
func (w *world) check(g graph, lost bool) {
	w.t.Helper()
	ends := map[string][]entry{}
	for _, e := range w.journal() {
		if e.Type == "ended" {
			ends[e.Process] = append(ends[e.Process], e)
		}
	}
	for _, n := range g.nodes {
		w.checkRuns(n, ends[n.name], lost)
		w.checkBook(n, ends[n.name], lost)
		w.checkLogs(n, ends[n.name])
	}
	if left := w.leftovers(); left != nil {
		w.t.Errorf("left running: %s", strings.Join(left, "; "))
	}
	for name, pid := range map[string]int{"brain": w.brain(), "shim": w.shim()} {
		if pid != 0 {
			w.t.Errorf("the %s, pid %d, has outlived its task", name, pid)
		}
	}
	if contained(w.t) {
		w.noGroups()
	}
}

// checkRuns holds the journal to the rules: run after run with the exit
// statuses that the process was told to end with.
func (w *world) checkRuns(n node, ends []entry, lost bool) {
	w.t.Helper()
	var codes []int
	for i, e := range ends {
		if e.Run != i {
			w.t.Errorf("%s: end %d of the journal is of run %d", n.name, i, e.Run)
		}
		switch {
		case e.State == "LOST" && lost:
		case e.Exit == nil:
			w.t.Errorf("%s run %d is %s with signal %d, and should have exited", n.name, e.Run, e.State, e.Signal)
		default:
			if want := n.codes[min(e.Run, len(n.codes)-1)]; *e.Exit != want {
				w.t.Errorf("%s run %d: the journal says status %d; it exited with %d", n.name, e.Run, *e.Exit, want)
			}
			codes = append(codes, *e.Exit)
		}
	}
	if !lost && !slices.Equal(codes, n.codes) {
		w.t.Errorf("%s: exit statuses %v in the journal; the rules say %v", n.name, codes, n.codes)
	}
}

// checkBook holds the journal to what the process itself wrote down.
func (w *world) checkBook(n node, ends []entry, lost bool) {
	w.t.Helper()
	begun, ended := map[int]int{}, map[int]note{}
	for _, b := range w.book(n.name) {
		switch b.what {
		case "begin":
			begun[b.run]++
		case "end":
			ended[b.run] = b
		case "overlap":
			w.t.Errorf("%s run %d found its port held by another run", n.name, b.run)
		}
	}
	for _, run := range slices.Sorted(maps.Keys(begun)) {
		if begun[run] > 1 {
			w.t.Errorf("%s run %d was started %d times", n.name, run, begun[run])
		}
		if run >= len(ends) {
			w.t.Errorf("%s run %d ran and is not in the journal", n.name, run)
		}
	}
	for _, e := range ends {
		if lost && e.State == "LOST" {
			continue
		}
		b, ok := ended[e.Run]
		if !ok {
			w.t.Errorf("%s run %d: the journal says %s, and it never came to its end", n.name, e.Run, e.State)
			continue
		}
		if late := time.Duration(e.At.Wall - b.wall); late < -time.Millisecond || late > 2*time.Second {
			w.t.Errorf("%s run %d: the journal's end is %s after its own", n.name, e.Run, late)
		}
	}
}

// checkLogs counts the lines of every run that came to its end.
func (w *world) checkLogs(n node, ends []entry) {
	w.t.Helper()
	for _, e := range ends {
		if e.State == "LOST" {
			continue
		}
		base := filepath.Join(string(w.dir()), "sandbox", ".logs", n.name, strconv.Itoa(e.Run), "stdout")
		var got strings.Builder
		for i := 60; i >= 0; i-- {
			name := base
			if i > 0 {
				name = fmt.Sprintf("%s.%d", base, i)
			}
			data, err := os.ReadFile(name)
			if err != nil && !os.IsNotExist(err) {
				w.t.Fatal(err)
			}
			got.Write(data)
		}
		var want strings.Builder
		for i := range n.lines {
			fmt.Fprintf(&want, "line %d\n", i)
		}
		if got.String() != want.String() {
			w.t.Errorf("%s run %d: %d log bytes, not the %d that it wrote", n.name, e.Run, got.Len(), want.Len())
		}
	}
}
