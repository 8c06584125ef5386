// Package soak scales the repetitions of tests, and writes down what they saw.
//
// DEWAR_SOAK unset: a test repeats itself as often as `make check` can afford.
// DEWAR_SOAK=10: ten times that often, which is what was promised; `make soak`
// sets it, and DEWAR_SOAK_RESULTS, a file that gets one JSON object a line of
// what was done, and DEWAR_SOAK_WHERE, which kind of control groups the tests
// see. docs/reliability.md is made of it. Without a file that outlives the tests, as
// in a guest, DEWAR_SOAK_RESULTS is "-": the line goes to standard output, after
// Prefix.
//
// Deliberately absent: judging. A test that sees something wrong fails.
package soak

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// Result is one line of the results file.
type Result struct {
	Test    string  `json:"test"`
	Where   string  `json:"where,omitempty"` // DEWAR_SOAK_WHERE: "guest v2"; "" is this machine as it is
	What    string  `json:"what"`            // "SIGKILL to the brain at a random moment"
	Times   int     `json:"times"`           // how often it was done
	Seen    string  `json:"seen"`            // "no run lost, no log line missing"
	Seconds float64 `json:"seconds"`         // between the note and the test's end
	Failed  bool    `json:"failed"`
}

// Prefix begins a result on standard output.
const Prefix = "soak: "

// Times answers how often to do what an ordinary run of the tests does check
// times.
func Times(t testing.TB, check int) int {
	t.Helper()
	return check * max(1, factor(t))
}

// Promised answers how often to do what an ordinary run of the tests does check
// times, and DEWAR_SOAK=10 as often as was promised.
func Promised(t testing.TB, check, promised int) int {
	t.Helper()
	if f := factor(t); f > 0 {
		return max(1, promised*f/10)
	}
	return check
}

// factor is DEWAR_SOAK; 0 if it is unset.
func factor(t testing.TB) int {
	t.Helper()
	text := os.Getenv("DEWAR_SOAK")
	if text == "" {
		return 0
	}
	factor, err := strconv.Atoi(text)
	if err != nil || factor < 1 {
		t.Fatalf("DEWAR_SOAK is %q; it is how many times as often to repeat as usual, such as 10", text)
	}
	return factor
}

// Note writes down, when t ends, that what was done times times and what was
// seen. It does nothing outside of a soak.
func Note(t testing.TB, what string, times int, seen string) {
	t.Helper()
	path := os.Getenv("DEWAR_SOAK_RESULTS")
	if path == "" {
		return
	}
	begun := time.Now()
	t.Cleanup(func() {
		r := Result{t.Name(), os.Getenv("DEWAR_SOAK_WHERE"), what, times, seen, time.Since(begun).Seconds(), t.Failed()}
		if err := appendLine(path, r); err != nil {
			t.Errorf("note the soak's result: %v", err)
		}
	})
}

func appendLine(path string, r Result) (err error) {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode %q: %w", r.What, err)
	}
	if path == "-" {
		_, err := fmt.Printf("%s%s\n", Prefix, line)
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	_, err = f.Write(append(line, '\n'))
	return err
}
