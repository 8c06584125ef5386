package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// asItIs is the place where all tests run: this machine.
const asItIs = "host"

// place is one kind of control groups, and what runs the tests there.
type place struct {
	name   string
	times  int // DEWAR_SOAK
	argv   []string
	env    []string
	guest  bool   // what it prints is not go test's
	absent string // why it is not to be had here
}

// others are the places besides: what the kernel is asked for there, and the
// tests that ask for it by way of Dewar's programs.
var others = []struct{ name, view, lane string }{
	{"view v1", "v1", ""},
	{"view v2", "v2", ""},
	{"guest v1", "", "v1"},
	{"guest v2", "", "v2"},
}

const programTests = "./test/chaos"

func placeNames() []string {
	names := []string{asItIs}
	for _, o := range others {
		names = append(names, o.name)
	}
	return names
}

// places are those that were asked for.
func (o options) places() (list []place) {
	packages := o.packages
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	if slices.Contains(o.in, asItIs) {
		list = append(list, place{name: asItIs, times: o.times, argv: o.goTest(packages)})
	}
	for _, other := range others {
		if !slices.Contains(o.in, other.name) {
			continue
		}
		p := place{name: other.name, times: o.times, env: []string{"DEWAR_SOAK_WHERE=" + other.name}}
		if other.lane != "" {
			p.guest, p.times, p.absent = true, o.guestTimes, noGuest()
			p.env = append(p.env, "DEWAR_SOAK_RESULTS=-")
			p.argv = []string{"go", "run", "./test/lanes", "-once", "-guest", "12h", "-timeout", "12h", "-lanes", other.lane}
			if o.only != "" {
				p.argv = append(p.argv, "-run", o.only)
			}
			p.argv = append(p.argv, programTests)
		} else {
			p.absent = noView()
			p.argv = append([]string{"go", "run", "./test/own", "-view", other.view, "--"}, o.goTest([]string{programTests})...)
		}
		list = append(list, p)
	}
	return list
}

func (o options) goTest(packages []string) []string {
	argv := []string{"go", "test", "-json", "-count=1", "-timeout=12h"}
	if o.only != "" {
		argv = append(argv, "-run", o.only)
	}
	return append(argv, packages...)
}

// noView is why one kind of groups cannot be hidden here, or "".
func noView() string {
	h, err := cgroup.Look()
	if err != nil {
		return err.Error()
	}
	if os.Geteuid() != 0 || h.Mode != cgroup.Hybrid {
		return "it takes root and a hybrid machine"
	}
	return ""
}

// noGuest is why there can be no guests, or "".
func noGuest() string {
	if os.Geteuid() != 0 {
		return "it takes root"
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return strings.TrimSpace(err.Error())
	}
	return ""
}
