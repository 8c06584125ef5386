package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dewarhq/dewar/test/host"
)

// marked are the live processes that carry the bench's mark in their
// environment and, unless names is nil, are named one of them.
func (b *bench) marked(names []string) []int {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		panic(err) // the pattern is fixed
	}
	var found []int
	for _, dir := range all {
		environ, err := os.ReadFile(dir + "/environ")
		if err != nil || !slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(e []byte) bool { return string(e) == b.mark }) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid != os.Getpid() && (names == nil || slices.Contains(names, host.Line(dir+"/comm"))) {
			found = append(found, pid)
		}
	}
	return found
}

// weight is memory in MB.
type weight struct {
	pss float64 // its own, and its share of what it shares
	own float64 // private anonymous memory
}

func (w weight) plus(v weight) weight { return weight{w.pss + v.pss, w.own + v.own} }

func weigh(pids ...int) (weight, error) {
	var sum weight
	for _, pid := range pids {
		file := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
		pss, err := kilobytes(file, "Pss")
		if err != nil {
			return weight{}, err
		}
		own, err := kilobytes(file, "Pss_Anon")
		if err != nil {
			return weight{}, err
		}
		sum = sum.plus(weight{pss / 1024, own / 1024})
	}
	return sum, nil
}

func kilobytes(file, name string) (float64, error) {
	text := host.Field(file, name)
	kb, err := strconv.ParseFloat(strings.TrimSuffix(text, " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("read %s of %s: %q is not a size", name, file, text)
	}
	return kb, nil
}

// effort is what processes have done so far.
type effort struct {
	ticks    float64 // of CPU, 10 ms each
	switches float64 // of context, voluntary and not, of all threads
}

func exert(pids ...int) (effort, error) {
	var sum effort
	for _, pid := range pids {
		_, after, ok := strings.Cut(host.Line(fmt.Sprintf("/proc/%d/stat", pid)), ") ")
		fields := strings.Fields(after)
		if !ok || len(fields) < 13 {
			return effort{}, fmt.Errorf("read the state of process %d: it is gone", pid)
		}
		for _, text := range fields[11:13] { // utime and stime; see proc(5)
			ticks, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return effort{}, err
			}
			sum.ticks += ticks
		}
		switches, err := switchesOf(pid)
		if err != nil {
			return effort{}, err
		}
		sum.switches += switches
	}
	return sum, nil
}

func switchesOf(pid int) (float64, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, status := range threads {
		for _, name := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
			n, err := strconv.ParseFloat(host.Field(status, name), 64)
			if err != nil {
				return 0, fmt.Errorf("read %s of %s: %w", name, status, err)
			}
			sum += n
		}
	}
	return sum, nil
}
