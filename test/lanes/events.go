package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/test/soak"
)

// Outcome is what became of one test in one lane.
type Outcome string

const (
	passed  Outcome = "pass"
	failed  Outcome = "fail"
	skipped Outcome = "skip"
)

// Test names one test.
type Test struct {
	Package, Name string
}

// Results are what became of the tests of one lane.
type Results struct {
	Lane    string
	Outcome map[Test]Outcome
	Reason  map[Test]string // of the skipped ones
	Failed  []string        // packages that failed
	Broken  bool            // go test failed though no test did
	Left    []string        // pids of our programs that the tests left running
	Flaky   []Test          // failed, and passed when they were run once more
}

func (r Results) count(o Outcome) int {
	n := 0
	for _, got := range r.Outcome {
		if got == o {
			n++
		}
	}
	return n
}

// leftAction is of an event that no go test makes: its output are the pids of
// our programs that a guest's tests left running.
const leftAction = "left"

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action      string
	Package     string `json:",omitempty"`
	ImportPath  string `json:",omitempty"`
	Test        string `json:",omitempty"`
	Output      string `json:",omitempty"`
	FailedBuild string `json:",omitempty"`
}

// reader turns the events of one lane into results, and shows what a person
// wants to see of them.
type reader struct {
	w       io.Writer
	results Results
	said    map[Test][]string // output so far; a package's own under Name ""
}

func newReader(lane string, w io.Writer) *reader {
	return &reader{w: w, said: map[Test][]string{}, results: Results{
		Lane: lane, Outcome: map[Test]Outcome{}, Reason: map[Test]string{},
	}}
}

// readAll reads events to the end. What is not an event is shown as it is.
func (r *reader) readAll(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				r.show(line)
			} else {
				r.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the events of go test: %w", err)
		}
	}
}

func (r *reader) take(e event) {
	t := Test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		r.show(e.Output)
	case leftAction:
		r.results.Left = append(r.results.Left, strings.Fields(e.Output)...)
	case "output":
		if strings.HasPrefix(e.Output, soak.Prefix) {
			r.show(e.Output) // for make soak, whoever passes
		}
		r.said[t] = append(r.said[t], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(t, Outcome(e.Action))
		} else {
			r.endTest(t, Outcome(e.Action))
		}
	}
}

func (r *reader) endTest(t Test, o Outcome) {
	r.results.Outcome[t] = o
	switch o {
	case skipped:
		r.results.Reason[t] = reason(r.said[t])
	case failed:
		r.showAll(headFirst(r.said[t]))
	}
	delete(r.said, t)
}

// endPackage shows the package's line, and, if it failed, all that was said
// outside of its tests or by tests that never ended.
func (r *reader) endPackage(t Test, o Outcome) {
	lines := r.said[t]
	delete(r.said, t)
	if o != failed {
		for _, line := range lines {
			if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? ") {
				r.show(line)
			}
		}
		return
	}
	r.results.Failed = append(r.results.Failed, t.Package)
	for open, said := range r.said {
		if open.Package == t.Package {
			r.results.Outcome[open] = failed
			r.showAll(said)
			delete(r.said, open)
		}
	}
	r.showAll(lines)
}

func (r *reader) showAll(lines []string) {
	for _, line := range lines {
		if !isFrame(line) {
			r.show(line)
		}
	}
}

func (r *reader) show(line string) {
	if _, err := io.WriteString(r.w, line); err != nil {
		panic(err) // the terminal or the log is gone; nobody would see the result
	}
}

// isFrame says whether a line only tells that a test begins or goes on.
func isFrame(line string) bool {
	for _, frame := range []string{"=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "PASS\n"} {
		if strings.HasPrefix(line, frame) {
			return true
		}
	}
	return false
}

// headFirst puts a failed test's "--- FAIL" line in front of what it said, as
// go test does where nobody asked for -v.
func headFirst(lines []string) []string {
	at := slices.IndexFunc(lines, func(line string) bool {
		return strings.HasPrefix(strings.TrimLeft(line, " "), "--- FAIL")
	})
	if at < 0 {
		return lines
	}
	return slices.Concat(lines[at:at+1], lines[:at], lines[at+1:])
}

// reason finds why a test was skipped: the last thing that it said, without
// the file and line in front.
func reason(said []string) string {
	why := "no reason given"
	for _, line := range said {
		line = strings.TrimSpace(line)
		if line == "" || isFrame(line+"\n") || strings.HasPrefix(line, "--- SKIP") {
			continue
		}
		why = line
		if place, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(place, ".go:") {
			why = rest
		}
	}
	return why
}
