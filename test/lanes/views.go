package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// views are the lanes on a hybrid machine that see only one kind of its control
// groups (test/own), at the machine's own speed: what kills, and what is told of
// it, hundreds of times. The v2 that is left there limits nothing; that is what
// guests are for.
var views = []string{"v1", "v2"}

// viewPackages are what is run there, and of it the tests with these names.
var viewPackages = []string{"./healthcheck/command", "./supervisor", "./test/chaos"}

const viewTests = "^Test(Kill|BrainAway|CrashPoints|Damaged|LostTail|Torture|Limits|Groups|NoGroups|CommandsThat|Undead)"

// viewLanes are the lanes of the views that are wanted; none where the machine
// is not hybrid, or the module another.
func viewLanes(place, bin, tree string, o options) (lanes []*lane, err error) {
	host, err := cgroup.Look()
	if err != nil || host.Mode != cgroup.Hybrid || !o.whole() {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(tree, "test", "own")); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	own := filepath.Join(place, "own")
	for _, view := range views {
		name := "view-" + view
		if !o.wants(name) {
			continue
		}
		lanes = append(lanes, &lane{
			name: name, who: "own -view " + view, tree: tree, packages: viewPackages, only: viewTests, noRace: true,
			env:  []string{"DEWAR_BIN=" + bin, "DEWAR_SOAK_WHERE=view " + view},
			exec: quote(own) + " -view " + view + " --",
		})
	}
	if len(lanes) > 0 {
		_, err = goTool(tree, "build", "-o", own, "./test/own")
	}
	return lanes, err
}

// whole says that no package was picked, or one of those that views run.
func (o options) whole() bool {
	return os.Geteuid() == 0 && slices.ContainsFunc(append(viewPackages, "./..."), func(p string) bool { return slices.Contains(o.packages, p) })
}
