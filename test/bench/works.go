package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// works are all that is measured, in order. Last are those that leave the kernel
// thousands of groups and processes to clear away, which it does for many seconds
// afterwards and at the cost of whoever comes next.
var works = []struct {
	name    string
	measure func(*bench) ([]Row, error)
}{
	{"start, first exec", measureStart},
	{"100 × true in sequence", func(b *bench) ([]Row, error) { return compare(b, chain(100), bashChain(100)) }},
	{"50 × true in parallel", func(b *bench) ([]Row, error) { return compare(b, wide("wide", 50, 0), bashWide(50)) }},
	{"1,000 processes, max_concurrency 64", measureThousand},
	{inAGroup, inViews(inAGroup)},
	{killFew, inViews(killFew)},
	{"memory, 1 sleeping process", func(b *bench) ([]Row, error) { return measureMemory(b, 1) }},
	{"memory, 10 sleeping processes", func(b *bench) ([]Row, error) { return measureMemory(b, 10) }},
	{"memory, 50 sleeping processes", func(b *bench) ([]Row, error) { return measureMemory(b, 50) }},
	{"idle, 50 sleeping processes", measureIdle},
	{thousandChecks, measureChecks},
	{reopening, measureReopen},
	{"taking up 200 live processes after a crash of ours", measureTakeUp},
	{usageOf, inViews(usageOf)},
	{killMany, inViews(killMany)},
}

// measureStart measures from before the program is started to the payload's
// first instruction.
func measureStart(b *bench) ([]Row, error) {
	rows := []Row{{By: "bash", Unit: "ms"}, {By: ours, Unit: "ms"}, {By: inGroups, Unit: "ms"}}
	starters := []func(*bench, string) (func() error, error){startBash, startDewar(without), startDewar(within)}
	for _, p := range peers() {
		rows = append(rows, Row{By: p.name, Unit: "ms"})
		starters = append(starters, p.startOne)
	}
	for range b.times {
		for i, start := range starters {
			ms, err := startOnce(b, start)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", rows[i].By, err)
			}
			rows[i].Values = append(rows[i].Values, ms)
		}
	}
	return rows, nil
}

func startOnce(b *bench, start func(*bench, string) (func() error, error)) (ms float64, err error) {
	dir, err := b.dir()
	if err != nil {
		return 0, err
	}
	file := filepath.Join(dir, "stamp")
	begun := time.Now()
	stop, err := start(b, file)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := await("the payload has started", 30*time.Second, func() bool { return exists(file) }); err != nil {
		return 0, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	at, err := strconv.ParseInt(string(content), 10, 64)
	if err != nil {
		return 0, err
	}
	return float64(at-begun.UnixNano()) / 1e6, nil
}

func startBash(b *bench, file string) (func() error, error) {
	cmd := exec.Command("bash", "-c", "exec "+b.self+" stamp "+file)
	return cmd.Wait, cmd.Start()
}

func startDewar(isolation string) func(*bench, string) (func() error, error) {
	return func(b *bench, file string) (func() error, error) {
		t := graph{Name: "start", Processes: []process{{Name: "first", Argv: []string{b.self, "stamp", file}}}}
		run, err := b.newRun(t)
		if err != nil {
			return nil, err
		}
		cmd := run.command(isolation)
		return cmd.Wait, cmd.Start()
	}
}

// The flags of a task without control groups, which is what is compared with
// peers that have none, and of one with them.
const (
	without = "--isolation=none"
	within  = "--isolation=auto"
)

// inGroups is the row of a task each process of which is in a control group of
// its own, where there are any.
const inGroups = "dewar, in groups"

// inMemory is the row of a task whose directory is in memory: what it lacks of
// the row before is the file system's.
const inMemory = "dewar, files in memory"

// compare measures a task and a command line of bash in turn, as a whole.
func compare(b *bench, t graph, script string) ([]Row, error) {
	rows := newRows("ms", "bash", ours, inGroups)
	ways := []struct{ place, flag string }{{b.place, without}, {b.place, within}}
	if b.memory != "" {
		rows, ways = append(rows, Row{By: inMemory, Unit: "ms"}), append(ways, struct{ place, flag string }{b.memory, without})
	}
	for range b.times {
		ms, err := timed(exec.Command("bash", "-c", script))
		if err != nil {
			return nil, err
		}
		rows[0].Values = append(rows[0].Values, ms)
		for i, way := range ways {
			run, err := b.newRunIn(way.place, t)
			if err != nil {
				return nil, err
			}
			if ms, err = timed(run.command(way.flag)); err != nil {
				return nil, err
			}
			rows[1+i].Values = append(rows[1+i].Values, ms)
		}
	}
	return rows, nil
}

func timed(cmd *exec.Cmd) (ms float64, err error) {
	begun := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return float64(time.Since(begun)) / 1e6, nil
}

func measureThousand(b *bench) ([]Row, error) {
	const n = 1000
	rows, err := compare(b, wide("thousand", n, 64), fmt.Sprintf("seq %d | xargs -P 64 -n 1 bash -c true", n))
	for i := range rows {
		rows[i].Unit = "processes/s"
		for k, ms := range rows[i].Values {
			rows[i].Values[k] = n / ms * 1000
		}
	}
	if err == nil {
		rows[0].By = "xargs -P 64"
	}
	return rows, err
}

// chain is n processes, each after the one before. They are run by bash, so
// what bash itself is asked to do beside it is to run bash too.
func chain(n int) graph {
	g := wide("chain", n, 0)
	var order []string
	for _, p := range g.Processes {
		order = append(order, p.Name)
	}
	g.Constraints = []constraint{{order}}
	return g
}

func wide(name string, n, concurrency int) graph {
	g := graph{Name: name, MaxConcurrency: concurrency}
	for i := range n {
		g.Processes = append(g.Processes, process{Name: fmt.Sprintf("p%d", i), Cmdline: "true"})
	}
	return g
}

func bashChain(n int) string { return fmt.Sprintf("for i in {1..%d}; do bash -c true; done", n) }
func bashWide(n int) string  { return fmt.Sprintf("for i in {1..%d}; do bash -c true & done; wait", n) }
