package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/dewarhq/dewar/test/needs"
)

// kernelTests are the tests that are run in guests: those that need another
// kernel than the machine's, or other control groups. Under emulation all is
// five to twenty times as slow, so that what measures time is left out, and of
// the larger packages the tests are picked by name.
var kernelTests = []struct {
	packages string // as for go list
	run      string // as for go test; empty: all
}{
	{packages: "./sandbox/cgroup/..."},
	{packages: "./sandbox/disk", run: "Limit|WhoIsNotStopped|Look|Release|AskedByDevice|Rename"},
	{packages: "./launch", run: "^Test(RemoveReleases|VacateFromWithin)"},
	{packages: "./healthcheck/command", run: "^Test(CommandsThat|Place|GrandchildHolds)"},
	{packages: "./supervisor", run: "^Test(Quota|Groups|NoGroups|Undead|Walls($|That|Kill|Under|Without|OutOf|OfARoot))"},
	{packages: "./supervisor/shim", run: "^TestGroup"},
	{packages: "./test", run: "^TestSystemd"},
	{packages: "./test/chaos", run: "^Test(Torture|LimitsWithoutBrain|KillBrain|KillShim|KillBoth)$"},
	{packages: "./test/needs", run: "^Test(Kernel|Systemd)"},
}

// guests are the lanes in guests, with the options of test/vm that make each.
// Only, if it is not empty, picks tests by name, of all that guests run.
var guests = []struct {
	lane string
	vm   []string
	only string
}{
	{"v2", []string{"-c", "v2", "-quota"}, ""},
	// One of two emulated processors of v1's was seen to stall, one time in ten: then
	// the guest is booted once more. With one, TestGroupsTight takes too long.
	{"v1", []string{"-c", "v1"}, some},
	{"hybrid", []string{"-c", "hybrid"}, some},
	{"user-v2", []string{"-c", "v2", "-delegate", "-user", "nobody"}, ""},
	{"systemd", []string{"-systemd"}, "^TestSystemd"},
	{"user-systemd", []string{"-systemd", "-delegate", "-user", "nobody"}, "^TestSystemd"},
}

// some are the telling ones of what guests run, for the kinds of control groups
// that machines of developers have at their own speed: see views.
const some = "^Test(Kill|Freeze|Limit|OOM|Make|Names|Kernel|Torture|Groups$|GroupsOutlive|GroupsPids|GroupsOutOfMemory$|GroupsOfTheRoot|GroupsTight|GroupsOfChecks|CommandsThat|Undead$)"

// binary is a compiled package of tests; a list of them is what a guest gets.
type binary struct {
	Package string
	Dir     string // in which its tests run
	Path    string
	Run     string
}

// The files of the directory that a guest is pointed at, beside the binaries.
const (
	listFile = "binaries.json"
	convert  = "test2json"
	runner   = "lanes"
)

// How long a guest may take for all that it runs, and each package in it: three
// times what the slowest takes on a busy machine. A package that hangs is ended
// by its own time, which shows where it stands.
const (
	guestWithin   = "9m"
	packageWithin = "5m"
)

// guestLanes are the lanes of the guests that are wanted, with what they run
// compiled. They are left out, with the reason, where guests cannot be booted;
// under DEWAR_TEST_STRICT=1 that is an error.
func guestLanes(place, bin, tree string, o options) (lanes []*lane, reason, err error) {
	guestPlace := filepath.Join(place, "guests")
	vm := filepath.Join(bin, "test", "vm")
	within := packageWithin
	if o.guest != guestWithin {
		within = o.timeout
	}
	for _, g := range guests {
		if !o.wants(g.lane) {
			continue
		}
		argv := append([]string{vm, "-timeout", o.guest}, g.vm...)
		lanes = append(lanes, &lane{
			name: g.lane, who: "vm " + strings.Join(g.vm, " "), tree: tree,
			env:  []string{"DEWAR_BIN=" + bin, "DEWAR_LANE=" + g.lane, "DEWAR_SOAK_WHERE=guest " + g.lane},
			argv: append(argv, "--", filepath.Join(guestPlace, runner), inGuest, guestPlace, within, g.only),
		})
	}
	if len(lanes) == 0 {
		return nil, nil, nil
	}
	if out, err := exec.Command(vm, "-fetch", "-systemd").CombinedOutput(); err != nil {
		reason := fmt.Errorf("vm -fetch: %w: %s", err, strings.TrimSpace(string(out)))
		if needs.Strict() {
			return nil, nil, reason
		}
		return nil, reason, nil
	}
	count, err := fillGuestPlace(guestPlace, tree, o)
	if err != nil || count == 0 {
		return nil, nil, err
	}
	return lanes, nil, nil
}

// fillGuestPlace compiles what guests run, and answers how many packages that
// is.
func fillGuestPlace(place, tree string, o options) (int, error) {
	if err := os.Mkdir(place, 0o755); err != nil {
		return 0, err
	}
	list, err := o.kernelBinaries(place, tree)
	if err != nil {
		return 0, err
	}
	for _, b := range list {
		if _, err := goTool(tree, "test", "-c", "-o", b.Path, b.Package); err != nil {
			return 0, err
		}
	}
	if _, err := goTool(tree, "build", "-o", filepath.Join(place, convert), "cmd/test2json"); err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if err := copyFile(self, filepath.Join(place, runner)); err != nil {
		return 0, err
	}
	text, err := json.Marshal(list)
	if err != nil {
		return 0, err
	}
	return len(list), os.WriteFile(filepath.Join(place, listFile), text, 0o644)
}

// kernelBinaries are those of kernelTests that are among the packages asked
// for.
func (o options) kernelBinaries(place, tree string) ([]binary, error) {
	const format = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}"
	asked, err := goTool(tree, append([]string{"list", "-f", format}, o.packages...)...)
	if err != nil {
		return nil, err
	}
	var list []binary
	for _, k := range kernelTests {
		found, err := goTool(tree, "list", "-f", format, k.packages)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(found) {
			name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t")
			if !ok || !strings.Contains(asked, line) {
				continue
			}
			b := binary{name, dir, filepath.Join(place, strings.ReplaceAll(name, "/", "_")+".test"), k.run}
			if o.run != "" {
				b.Run = o.run
			}
			list = append(list, b)
		}
	}
	return list, nil
}

// goTool runs the go command for programs that run in a guest: without the
// race detector, which is too slow there.
func goTool(tree string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
