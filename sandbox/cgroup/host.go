package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Mode says which hierarchies serve.
type Mode string

const (
	V1     Mode = "v1"
	V2     Mode = "v2"
	Hybrid Mode = "hybrid" // limits on v1, containment on the unified hierarchy
	None   Mode = "none"
)

// Host is what this machine has for us.
type Host struct {
	Mode Mode
	Why  string // of None: a sentence's end, "… because <Why>"

	// Own has the absolute directory of our own group in each hierarchy that we
	// may make groups in: "" is the unified one, other keys are v1 controllers.
	Own map[string]string

	// Controllers says of each of cpu, cpuacct, cpuset, memory, pids, io and
	// freezer whether it can be used, in the words of v2 (io is v1's blkio).
	Controllers map[string]Fact

	// InTask says that we stand in what a task of Dewar's is contained in, other
	// than its ctl/: whoever leaves it outlives the task.
	InTask bool

	Boot string // the boot id
}

// Fact is one thing that is there, or why it is not.
type Fact struct {
	Usable bool   `json:"usable"`
	Where  Mode   `json:"where,omitempty"` // V1 or V2
	Why    string `json:"why,omitempty"`   // of one that is not usable
}

// ErrNone is what Place answers where there are no groups for us.
var ErrNone = errors.New("no control groups can be used here")

// words are the controllers that we know, in the words of v2.
var words = []string{"cpu", "cpuacct", "cpuset", "memory", "pids", "io", "freezer"}

// v1Word is what v1 calls a controller.
func v1Word(word string) string {
	if word == "io" {
		return "blkio"
	}
	return word
}

// Look finds what there is. It makes nothing, and asks the kernel for
// permission only. A machine without groups is no error, but Mode None.
//
// Whoever stands in the ctl/ of a task of ours is taken to stand where that
// task's group is.
func Look() (Host, error) {
	mounts, err := readFile("/proc/self/mountinfo")
	if err != nil {
		return Host{}, fmt.Errorf("look for control groups: %w", err)
	}
	own, err := readFile("/proc/self/cgroup")
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without groups
		return Host{}, fmt.Errorf("look for our own control groups: %w", err)
	}
	boot, err := readFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Host{}, fmt.Errorf("look for the boot id: %w", err)
	}
	groups := parseOwn(own)
	h := look(parseMounts(mounts), groups)
	h.Boot, h.InTask = boot, inTask(groups)
	return h, nil
}

func look(mounted []hierarchy, own map[string]string) Host {
	h := Host{Own: map[string]string{}, Controllers: map[string]Fact{}}
	why := map[string]string{}
	for _, m := range mounted {
		keys := m.controllers
		if m.unified {
			keys = []string{""}
		}
		for _, key := range keys {
			at, ok := own[key]
			if !ok || strings.HasPrefix(key, "name=") {
				continue
			}
			if dir, no := m.usable(at); no != "" {
				why[key] = no
			} else {
				h.Own[key] = dir
			}
		}
	}
	h.learn(why)
	h.choose(why)
	return h
}

// inTask finds the name of a task's group on the way to one of ours.
func inTask(own map[string]string) bool {
	for _, at := range own {
		if isCtl(at) {
			at = path.Dir(path.Dir(at))
		}
		if slices.ContainsFunc(strings.Split(at, "/"), isTop) {
			return true
		}
	}
	return false
}

// isCtl says whether a group is a task's ctl/.
func isCtl(at string) bool { return path.Base(at) == "ctl" && isTop(path.Base(path.Dir(at))) }

// usable answers our own group's directory, or why no group can be made there.
func (h hierarchy) usable(own string) (dir, why string) {
	if isCtl(own) {
		own = path.Dir(path.Dir(own))
	}
	dir, why = h.dir(own)
	if why != "" {
		return "", why
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return "", "no group can be made in " + dir + ": " + err.Error()
	}
	if !exists(dir + "/cgroup.procs") {
		return "", dir + " is no control group: something else is mounted above it"
	}
	if !h.unified {
		return dir, ""
	}
	// Since 4.14. Below anything else children are "domain invalid".
	if kind, err := readFile(dir + "/cgroup.type"); err == nil && kind != "domain" {
		return "", "our own group " + dir + " is " + kind
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir+"/cgroup.procs", unix.W_OK, unix.AT_EACCESS); err != nil {
		return "", "no process can be moved within " + dir + ": " + err.Error() + " (it is not delegated to us)"
	}
	return dir, ""
}

// learn fills Controllers.
func (h Host) learn(why map[string]string) {
	var unified []string
	if dir, ok := h.Own[""]; ok {
		text, err := readFile(dir + "/cgroup.controllers")
		if err != nil {
			why[""] = err.Error()
		}
		unified = strings.Fields(text)
	}
	for _, word := range words {
		v1 := v1Word(word)
		_, there := h.Own[v1]
		switch {
		case there:
			h.Controllers[word] = Fact{Usable: true, Where: V1}
		case why[v1] != "":
			h.Controllers[word] = Fact{Where: V1, Why: why[v1]}
		case h.Own[""] != "" && (slices.Contains(unified, word) || word == "cpuacct" || word == "freezer"):
			h.Controllers[word] = Fact{Usable: true, Where: V2}
		case h.Own[""] != "":
			h.Controllers[word] = Fact{Where: V2, Why: h.Own[""] + "/cgroup.controllers does not list it"}
		case why[""] != "":
			h.Controllers[word] = Fact{Where: V2, Why: why[""]}
		default:
			h.Controllers[word] = Fact{Why: "no hierarchy with it is mounted"}
		}
	}
}

func (h *Host) choose(why map[string]string) {
	v1 := 0
	for key := range h.Own {
		if key != "" {
			v1++
		}
	}
	_, unified := h.Own[""]
	switch {
	case unified && v1 > 0:
		h.Mode = Hybrid
	case unified:
		h.Mode = V2
	case v1 > 0:
		h.Mode = V1
	default:
		h.Mode = None
		h.Why = "no control group hierarchy is mounted"
		for _, key := range append([]string{""}, v1Names...) {
			if why[key] != "" {
				h.Why = why[key]
				break
			}
		}
	}
}

// Strangers answers who, but for ours, keeps our own unified group from
// handing controllers down: the processes in it. There are none where the
// unified hierarchy has no controllers, or where we are in its root. Pid 0 is a
// process of another pid namespace.
func (h Host) Strangers(ours ...int) ([]int, error) {
	dir, ok := h.Own[""]
	if !ok || isRoot(dir) {
		return nil, nil
	}
	controllers, err := readFile(dir + "/cgroup.controllers")
	if err != nil || controllers == "" {
		return nil, err
	}
	return strangers(dir, ours)
}

func strangers(dir string, ours []int) (found []int, err error) {
	err = withFile(dir+"/cgroup.procs", func(b []byte) { found = pids(nil, b) })
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(pid int) bool { return slices.Contains(ours, pid) }), nil
}

// isRoot says whether a unified directory is the root of all: it alone has no
// cgroup.events, may hold processes, and always hands controllers down.
func isRoot(dir string) bool { return !exists(dir + "/cgroup.events") }

// Place says where the groups of one task are: absolute directories. It is
// written down before anything is made, and is all that a later brain needs to
// find, limit, kill and remove them.
type Place struct {
	Mode    Mode              `json:"mode"`
	Unified string            `json:"unified,omitempty"`
	V1      map[string]string `json:"v1,omitempty"` // controller (in v1's words) to directory
	Boot    string            `json:"boot,omitempty"`
}

// Place answers <own>/dewar-<hash of key>. The key tells tasks of one machine
// apart: a task's absolute directory, say. Nothing is made. The error is an
// ErrNone.
func (h Host) Place(key string) (Place, error) {
	if h.Mode == None || h.Mode == "" {
		return Place{}, fmt.Errorf("%w, because %s", ErrNone, h.Why)
	}
	p := Place{Mode: h.Mode, Boot: h.Boot, V1: map[string]string{}}
	if dir, ok := h.Own[""]; ok {
		p.Unified = path.Join(dir, top(key))
	}
	for _, controller := range used {
		dir, ok := h.Own[controller]
		if !ok || p.Unified != "" && slices.Contains(spared, controller) {
			continue
		}
		p.V1[controller] = path.Join(dir, top(key))
	}
	if p.Unified == "" && len(p.V1) == 0 {
		return Place{}, fmt.Errorf("%w, because none of the hierarchies has a controller that serves", ErrNone)
	}
	return p, nil
}

// spared are the v1 hierarchies that need not be entered where a unified one
// is: it freezes, and counts cpu time, without any controller.
var spared = []string{"freezer", "cpuacct"}

// used are the v1 hierarchies that a task may have groups in, in the order in
// which a process enters them: what kills comes first, what could hit the exec
// step itself last.
var used = []string{"freezer", "cpuset", "cpuacct", "cpu", "blkio", "memory", "pids"}
