// Command report runs the tests that kill, cut and fill things, many times as
// often as `make check` does, and writes what they saw into a document.
//
//	go run ./test/soak/report -times 10 -file docs/reliability.md [-run RE] [packages]
//
// The document keeps all that stands above the mark; what is below it is
// written anew: the machine, the commit, and one line for each note (package
// soak) and each test that has taken part.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dewarhq/dewar/test/host"
	"github.com/dewarhq/dewar/test/soak"
)

// mark divides what people write from what this program writes.
const mark = "<!-- what follows is written by make soak -->\n"

func main() {
	times := flag.Int("times", 10, "how many times as often as make check")
	file := flag.String("file", "", "the document")
	only := flag.String("run", "", "only tests that match, as for go test")
	flag.Parse()
	packages := flag.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	ok, err := run(*times, *file, *only, packages)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(111)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(times int, file, only string, packages []string) (ok bool, err error) {
	above, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	if at := bytes.Index(above, []byte(mark)); at >= 0 {
		above = above[:at]
	}
	place, err := os.MkdirTemp("", "dewar-soak-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	results := filepath.Join(place, "results")
	facts, begun := host.Look(), time.Now()
	tests, err := goTest(times, results, only, packages)
	if err != nil {
		return false, err
	}
	notes, err := readNotes(results)
	if err != nil {
		return false, err
	}
	var text bytes.Buffer
	text.Write(above)
	text.WriteString(mark)
	write(&text, facts, begun, times, notes, tests)
	return !tests.failed, os.WriteFile(file, text.Bytes(), 0o644)
}

// tally is how the tests went.
type tally struct {
	failed bool
	counts map[string]int     // of tests, by outcome
	longer map[string]float64 // tests that took more than a second
}

func goTest(times int, results, only string, packages []string) (tally, error) {
	argv := []string{"test", "-json", "-count=1", "-timeout=12h"}
	if only != "" {
		argv = append(argv, "-run", only)
	}
	cmd := exec.Command("go", append(argv, packages...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("DEWAR_SOAK=%d", times), "DEWAR_SOAK_RESULTS="+results)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return tally{}, err
	}
	if err := cmd.Start(); err != nil {
		return tally{}, err
	}
	t := tally{counts: map[string]int{}, longer: map[string]float64{}}
	readErr := t.read(out)
	waitErr := cmd.Wait()
	var exit *exec.ExitError
	if readErr != nil || waitErr != nil && !errors.As(waitErr, &exit) {
		return tally{}, errors.Join(readErr, waitErr)
	}
	t.failed = waitErr != nil
	return t, nil
}

// read takes the events of go test, showing all output but the frames.
func (t *tally) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		var e struct {
			Action, Package, Test, Output string
			Elapsed                       float64
		}
		if len(line) > 0 && json.Unmarshal(line, &e) == nil {
			if strings.HasPrefix(e.Output, "--- FAIL") || strings.HasPrefix(e.Output, "    ") || e.Test == "" {
				fmt.Print(e.Output)
			}
			if e.Test != "" && !strings.Contains(e.Test, "/") && slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
				t.counts[e.Action]++
				if e.Elapsed > 1 || e.Action == "fail" {
					t.longer[e.Package+" "+e.Test+" "+e.Action] = e.Elapsed
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func readNotes(file string) ([]soak.Result, error) {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	var notes []soak.Result
	for d := json.NewDecoder(f); ; {
		var r soak.Result
		if err := d.Decode(&r); err == io.EOF {
			return notes, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the notes: %w", err)
		}
		notes = append(notes, r)
	}
}

func write(w io.Writer, h host.Facts, begun time.Time, times int, notes []soak.Result, tests tally) {
	fmt.Fprintf(w, "\nOn %s, commit %s: %s, %d cores, %d MB, Linux %s, %s, %s. %d times the repetitions of `make check`, in %s.\n",
		begun.UTC().Format("2006-01-02"), h.Commit, h.CPU, h.Cores, h.MemoryMB, h.Kernel, runtime.Version(), h.Who, times,
		time.Since(begun).Round(time.Second))
	fmt.Fprintf(w, "Tests: %d passed, %d failed, %d skipped.\n", tests.counts["pass"], tests.counts["fail"], tests.counts["skip"])
	if len(notes) > 0 {
		fmt.Fprint(w, "\n| what was done | times | what was seen | test |\n|---|---|---|---|\n")
	}
	for _, n := range notes {
		if n.Failed {
			n.Seen = "**failed**"
		}
		fmt.Fprintf(w, "| %s | %d | %s | `%s` |\n", n.What, n.Times, n.Seen, n.Test)
	}
	fmt.Fprint(w, "\n| test that took more than a second | outcome | seconds |\n|---|---|---|\n")
	var names []string
	for name := range tests.longer {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := strings.Fields(name)
		fmt.Fprintf(w, "| `%s` %s | %s | %.1f |\n", strings.TrimPrefix(f[0], "github.com/dewarhq/dewar/"), f[1], f[2], tests.longer[name])
	}
}
