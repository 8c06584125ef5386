package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// inViews measures a work once with each kind of control groups that can be had
// here: the machine's own; of a hybrid machine also its v1 and its v2 alone; and
// v2 with controllers, in a guest, where that is not the machine's own. Figures
// from guests are those of an emulated processor.
func inViews(work string) func(*bench) ([]Row, error) {
	return func(b *bench) ([]Row, error) {
		own, err := b.look(work)
		if err != nil {
			return nil, err
		}
		rows := own.rows(string(own.Mode))
		if own.Mode == cgroup.Hybrid && os.Geteuid() == 0 {
			for _, only := range []string{"v1", "v2"} {
				seen, err := b.look(work, b.tool("own"), "-view", only, "--")
				if err != nil {
					return nil, err
				}
				rows = append(rows, seen.rows(only)...)
			}
		}
		if own.Mode == cgroup.V2 && own.Limits || !b.guests || work == killMany { // which would take minutes there
			return rows, nil
		}
		return b.inGuest(work, rows)
	}
}

// tool is the path of a program of test/, which newBench has built.
func (b *bench) tool(name string) string { return filepath.Join(b.tools, name) }

// look does a work in the view that a command line gives to what follows it.
func (b *bench) look(work string, through ...string) (seen Seen, err error) {
	args := append(through, b.self, "view", work, b.bin, strconv.Itoa(b.times), strconv.FormatBool(b.quick))
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &seen)
	}
	if err != nil {
		return seen, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return seen, nil
}

// unlimited is what is said of groups that count and contain but cannot limit:
// v2 of a hybrid machine, whose controllers are v1's.
const unlimited = " without controllers"

// rows are what was seen, named after the view.
func (s Seen) rows(view string) []Row {
	if !s.Limits {
		view += unlimited
	}
	for i := range s.Rows {
		s.Rows[i].By = strings.TrimSuffix(view+", "+s.Rows[i].By, ", ")
	}
	return s.Rows
}

// inGuest adds what a guest with v2 shows. Where none can be booted that is
// said, and nothing added.
func (b *bench) inGuest(work string, rows []Row) ([]Row, error) {
	if out, err := exec.Command(b.tool("vm"), "-fetch").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: not with v2 in a guest: %v: %s\n", work, err, out)
		return rows, nil
	}
	seen, err := b.look(work, b.tool("vm"), "-c", "v2", "-m", "3000", "-timeout", "5m", "--")
	if err != nil {
		return nil, err
	}
	if !seen.Limits {
		return nil, errors.New("a guest with v2 has no limits")
	}
	return append(append(rows, seen.rows("v2, emulated")...), estimate(work, rows, seen.Rows)...), nil
}

// estimate is what an emulated figure says of the machine itself: a start in a
// group takes so many times there what one without takes, and that is known of
// the machine.
func estimate(work string, native, emulated []Row) []Row {
	if work != inAGroup {
		return nil
	}
	var rows []Row
	for _, name := range []string{"cold", "warm"} {
		more, without := median(emulated, "v2, emulated, "+name), median(emulated, "v2, emulated, without, "+name)
		here := median(native, "v2"+unlimited+", without, "+name)
		if without > 0 && here > 0 {
			rows = append(rows, Row{By: "v2, estimated, " + name, Unit: "ms", Values: []float64{more / without * here}})
		}
	}
	return rows
}

// median is that of the row of that name, 0 if there is none.
func median(rows []Row, by string) float64 {
	for _, row := range rows {
		if row.By == by {
			return quantile(row.Values, 0.5)
		}
	}
	return 0
}

// buildTools builds what makes views, which takes root.
func (b *bench) buildTools() error {
	if os.Geteuid() != 0 {
		return nil
	}
	b.tools = filepath.Join(b.place, "tools")
	if err := os.Mkdir(b.tools, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"own", "vm"} {
		build := exec.Command("go", "build", "-buildvcs=false", "-o", b.tool(name), "github.com/dewarhq/dewar/test/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(build.Args, " "), err, out)
		}
	}
	return nil
}
