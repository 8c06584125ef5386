// Command report runs the tests that kill, cut and fill things, many times as
// often as `make check` does, and writes what they saw into a document.
//
//	go run ./test/soak/report -times 10 -file docs/reliability.md [-in PLACE,…] [-run RE] [-results FILE] [packages]
//
// The document keeps all that stands above the mark; what is below it is
// written anew: the machine, the commit, and one line for each note (package
// soak) and each test that has taken part. With -results the notes are kept in
// a file, and a later soak of another part has them in its document too.
//
// The places are those of places.go: the machine as it is, where all packages
// run, and other kinds of control groups, where those of test/chaos do.
package main

import (
	"bufio"
	"bytes"
	"cmp"
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
	"strconv"
	"strings"
	"time"

	"github.com/dewarhq/dewar/test/host"
	"github.com/dewarhq/dewar/test/soak"
)

// mark divides what people write from what this program writes.
const mark = "<!-- what follows is written by make soak -->\n"

func main() {
	var o options
	flag.IntVar(&o.times, "times", 10, "how many times as often as make check")
	flag.IntVar(&o.guestTimes, "guest-times", 1, "likewise, in guests, which are five to twenty times as slow")
	flag.StringVar(&o.file, "file", "", "the document")
	flag.StringVar(&o.results, "results", "", "a file that keeps the notes of several soaks")
	flag.StringVar(&o.only, "run", "", "only tests that match, as for go test")
	in := flag.String("in", strings.Join(placeNames(), ","), "where, separated by commas")
	flag.Parse()
	o.packages = flag.Args()
	o.in = strings.FieldsFunc(*in, func(r rune) bool { return r == ',' })
	ok, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(111)
	}
	if !ok {
		os.Exit(1)
	}
}

// options are what was asked for on the command line.
type options struct {
	times, guestTimes   int
	file, results, only string
	in, packages        []string
	several             bool // the notes are of several soaks
}

func run(o options) (ok bool, err error) {
	above, err := os.ReadFile(o.file)
	if err != nil {
		return false, err
	}
	if at := bytes.Index(above, []byte(mark)); at >= 0 {
		above = above[:at]
	}
	if o.several = o.results != ""; !o.several {
		place, err := os.MkdirTemp("", "dewar-soak-")
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
		o.results = filepath.Join(place, "results")
	}
	facts, begun := host.Look(), time.Now()
	tests := tally{counts: map[string]int{}, longer: map[string]float64{}}
	for _, p := range o.places() {
		if err := tests.run(p, o.results); err != nil {
			return false, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	notes, err := readNotes(o.results)
	if err != nil {
		return false, err
	}
	var text bytes.Buffer
	text.Write(above)
	text.WriteString(mark)
	write(&text, facts, begun, o, notes, tests)
	return !tests.failed, os.WriteFile(o.file, text.Bytes(), 0o644)
}

// tally is how the tests went.
type tally struct {
	failed bool
	counts map[string]int     // of tests, by outcome
	longer map[string]float64 // tests that took more than a second, on the machine as it is
	short  bool               // the tests of other places are not listed
}

// run runs the tests of one place.
func (t *tally) run(p place, results string) error {
	if p.absent != "" {
		fmt.Printf("soak: no %s: %s\n", p.name, p.absent)
		return nil
	}
	fmt.Printf("soak: %s: %s\n", p.name, strings.Join(p.argv, " "))
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env = append(os.Environ(), append(p.env, "DEWAR_SOAK="+strconv.Itoa(p.times))...)
	if !p.guest {
		cmd.Env = append(cmd.Env, "DEWAR_SOAK_RESULTS="+results)
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	t.short = p.name != asItIs
	var readErr error
	if p.guest {
		readErr = passNotes(out, results)
	} else {
		readErr = t.read(out)
	}
	waitErr := cmd.Wait()
	var exit *exec.ExitError
	if readErr != nil || waitErr != nil && !errors.As(waitErr, &exit) {
		return errors.Join(readErr, waitErr)
	}
	t.failed = t.failed || waitErr != nil
	return nil
}

// passNotes shows what the lanes in guests print, and keeps the notes in it.
func passNotes(in io.Reader, results string) (err error) {
	f, err := os.OpenFile(results, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Println(lines.Text())
		if note, ok := strings.CutPrefix(lines.Text(), soak.Prefix); ok {
			if _, err := fmt.Fprintln(f, note); err != nil {
				return err
			}
		}
	}
	return lines.Err()
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
				if !t.short && e.Elapsed > 1 || e.Action == "fail" {
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

func write(w io.Writer, h host.Facts, begun time.Time, o options, notes []soak.Result, tests tally) {
	fmt.Fprintf(w, "\nOn %s, commit %s: %s, %d cores, %d MB, Linux %s, %s, %s.",
		begun.UTC().Format("2006-01-02"), h.Commit, h.CPU, h.Cores, h.MemoryMB, h.Kernel, runtime.Version(), h.Who)
	if o.several {
		fmt.Fprintln(w, " The notes are of several soaks, one part after the other.")
	} else {
		fmt.Fprintf(w, " %d times the repetitions of `make check`, in guests %d times, in %s.\n", o.times, o.guestTimes, time.Since(begun).Round(time.Second))
		fmt.Fprintf(w, "Tests outside of guests: %d passed, %d failed, %d skipped.\n", tests.counts["pass"], tests.counts["fail"], tests.counts["skip"])
	}
	if len(notes) > 0 {
		fmt.Fprint(w, "\n| what was done | where | times | what was seen | test |\n|---|---|---|---|---|\n")
	}
	slices.SortStableFunc(notes, func(a, b soak.Result) int {
		return cmp.Or(strings.Compare(a.Test, b.Test), strings.Compare(a.Where, b.Where))
	})
	for _, n := range notes {
		if n.Failed {
			n.Seen = "**failed**"
		}
		fmt.Fprintf(w, "| %s | %s | %d | %s | `%s` |\n", n.What, cmp.Or(n.Where, asItIs), n.Times, n.Seen, n.Test)
	}
	if len(tests.longer) == 0 {
		return
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
