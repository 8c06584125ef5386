package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/test/host"
)

func main() {
	if len(os.Args) > 2 && commands[os.Args[1]] != nil {
		exitOn(commands[os.Args[1]](os.Args[2:]))
		return
	}
	bin := flag.String("bin", "bin", "directory of Dewar's programs")
	times := flag.Int("n", 10, "repetitions of each measurement")
	quick := flag.Bool("quick", false, "one repetition and short waits: shows that it works, measures little")
	guests := flag.Bool("guests", true, "measure control groups in a guest, too, where the machine has no v2 with controllers")
	only := flag.String("only", "", "only work whose name matches")
	jsonFile := flag.String("json", "", "write the results there too")
	document := flag.String("doc", "", "put the table into this document, between its marks")
	flag.Parse()
	exitOn(run(options{*bin, *times, *quick, *guests, *only, *jsonFile, *document}))
}

// commands are what this program is when it is its own payload.
var commands = map[string]func(args []string) error{
	"stamp":  func(args []string) error { return stamp(args[0]) },
	"view":   view,
	"family": family,
	"wells":  wells,
	"asks":   asks,
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	bin            string
	times          int
	quick, guests  bool
	only           string
	json, document string
}

func run(o options) (err error) {
	wanted, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	place, err := os.MkdirTemp("", "dewar-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	b, err := newBench(o.bin, place, o.times, o.quick)
	if err != nil {
		return err
	}
	b.guests = o.guests && !o.quick && os.Geteuid() == 0
	if isMemory("/dev/shm") {
		if b.memory, err = os.MkdirTemp("/dev/shm", "dewar-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(b.memory)) }()
	}
	report, err := b.measure(wanted.MatchString)
	report.print(os.Stdout)
	if o.json != "" {
		err = errors.Join(err, report.write(o.json))
	}
	if o.document != "" {
		err = errors.Join(err, report.putInto(o.document))
	}
	return err
}

// measure does all work whose name is wanted. What fails does not keep the rest
// from being measured.
func (b *bench) measure(wanted func(work string) bool) (Report, error) {
	report := Report{Host: host.Look(), Begun: time.Now().UTC()}
	var failures []error
	for _, work := range works {
		if !wanted(work.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s …\n", work.name)
		rows, err := work.measure(b)
		if err != nil {
			failures = append(failures, fmt.Errorf("measure %s: %w", work.name, err))
			continue
		}
		report.add(work.name, rows)
	}
	report.Host.LoadAfter = host.LoadAverage()
	return report, errors.Join(failures...)
}

// bench is what the measurements share.
type bench struct {
	bin    string // directory of Dewar's programs
	self   string // this program, as a payload
	place  string // for files
	memory string // likewise, in memory; empty: there is no such place
	tools  string // directory of own and vm
	mark   string // NAME=value in the environment of all that we start
	times  int
	quick  bool
	guests bool // boot them
	next   int
}

func newBench(bin, place string, times int, quick bool) (*bench, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"dewar", "dewar-executor", "dewar-shim"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("find Dewar's programs (make builds them): %w", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if quick {
		times = 1
	}
	b := &bench{
		bin: bin, self: self, place: place, times: times, quick: quick,
		mark: fmt.Sprintf("DEWAR_BENCH=%d", os.Getpid()),
	}
	return b, b.buildTools()
}

// dir is a new directory with a short name.
func (b *bench) dir() (string, error) { return b.dirIn(b.place) }

func (b *bench) dirIn(place string) (string, error) {
	b.next++
	dir := filepath.Join(place, fmt.Sprint(b.next))
	return dir, os.Mkdir(dir, 0o755)
}

// isMemory says whether what is below dir is kept in memory alone.
func isMemory(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.TMPFS_MAGIC
}

// settle is how long memory is given to come to rest.
func (b *bench) settle() time.Duration {
	if b.quick {
		return 200 * time.Millisecond
	}
	return 5 * time.Second
}

// stamp writes the present to file, at once and whole.
func stamp(file string) error {
	now := time.Now().UnixNano()
	temporary := file + ".new"
	if err := os.WriteFile(temporary, fmt.Append(nil, now), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}
