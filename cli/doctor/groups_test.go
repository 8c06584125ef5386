package doctor

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/sandbox/disk"
)

const (
	noSwap  = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	oneSwap = noSwap + "/dev/vdb                                partition\t1048572\t\t0\t\t-2\n"
)

// v2 is a delegated group on a machine of today.
func v2() host {
	h := host{release: "6.1.0-18-amd64", swap: noSwap, there: func(string) bool { return false }}
	h.Host = cgroup.Host{Mode: cgroup.V2, Own: map[string]string{"": "/sys/fs/cgroup/app.slice"}, Controllers: map[string]cgroup.Fact{}}
	for _, name := range []string{"cpu", "memory", "pids", "io", "cpuset", "freezer"} {
		h.Controllers[name] = cgroup.Fact{Usable: true, Where: cgroup.V2}
	}
	return h
}

func with(change func(*host)) host {
	h := v2()
	change(&h)
	return h
}

// v1 is a machine without a unified hierarchy.
func v1() host {
	h := host{release: "4.9.0-19-amd64", swap: oneSwap, there: func(string) bool { return false }}
	h.Host = cgroup.Host{Mode: cgroup.V1, Own: map[string]string{"memory": "/nowhere/memory"}, Controllers: map[string]cgroup.Fact{
		"memory": {Usable: true, Where: cgroup.V1},
		"pids":   {Why: "no hierarchy with it is mounted"},
	}}
	return h
}

func TestGroups(t *testing.T) {
	refused := "no group can be made in /sys/fs/cgroup: permission denied"
	for name, c := range map[string]struct {
		fact   Fact
		state  State
		said   string // a part of it
		remedy string // a part of it; empty: there is none
	}{
		"v2":                       {v2().mode(), OK, "v2, our own group is /sys/fs/cgroup/app.slice", ""},
		"a user under systemd":     {with(func(h *host) { h.Mode, h.Why, h.systemd = cgroup.None, refused, true }).mode(), Bad, refused, "systemd-run --user --scope -p Delegate=yes"},
		"a user with a systemd":    {with(func(h *host) { h.Mode, h.Why, h.scope = cgroup.None, refused, true }).mode(), OK, "asks systemd", ""},
		"a user without it":        {with(func(h *host) { h.Mode, h.Why = cgroup.None, refused }).mode(), Bad, refused, "let root delegate a group"},
		"root, nothing mounted":    {with(func(h *host) { h.Mode, h.root = cgroup.None, true }).mode(), Bad, "none: ", "mount a cgroup file system"},
		"nobody else":              {v2().crowd(), OK, "nobody else", ""},
		"a shell":                  {with(func(h *host) { h.strangers = []int{42} }).crowd(), Bad, "1 other processes are in our own group /sys/fs/cgroup/app.slice: [42]", "alone"},
		"a shell, systemd":         {with(func(h *host) { h.strangers, h.systemd = []int{42}, true }).crowd(), Bad, "[42]", "systemd-run --user"},
		"a shell, and a scope":     {with(func(h *host) { h.strangers, h.scope = []int{0}, true }).crowd(), OK, "another pid namespace); dewar run asks systemd", ""},
		"kill, by version":         {v2().kill(), OK, "at once", ""},
		"kill, by file":            {with(func(h *host) { h.release, h.there = "5.4.0", func(f string) bool { return f == "cgroup.kill" } }).kill(), OK, "at once", ""},
		"kill, too old":            {with(func(h *host) { h.release = "5.10.0-28-amd64" }).kill(), Warn, "5.10.0-28-amd64", "5.14"},
		"kill, v1":                 {v1().kill(), Warn, "no unified hierarchy", "mount cgroup2"},
		"pause":                    {v2().freezer(), OK, "cgroup.freeze", ""},
		"pause, none":              {v1().freezer(), Warn, "nothing can be frozen", "5.2"},
		"OOM":                      {v2().oom(), OK, "v2", ""},
		"OOM, old v1":              {v1().oom(), Warn, "4.9.0-19-amd64", "4.13"},
		"OOM, no controller":       {with(func(h *host) { h.Controllers["memory"] = cgroup.Fact{} }).oom(), Warn, "without a memory controller", "controller memory"},
		"no swap":                  {v2().swapping(), OK, "no swap", ""},
		"swap, counted":            {with(func(h *host) { h.swap, h.there = oneSwap, func(string) bool { return true } }).swapping(), OK, "memory.swap.max", ""},
		"swap, not counted":        {v1().swapping(), Warn, "not counted", "swapaccount=1"},
		"PSI":                      {pressure([]byte("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"), nil), OK, "told", ""},
		"PSI, switched off":        {pressure(nil, &fs.PathError{Op: "read", Path: "/proc/pressure/cpu", Err: unix.EOPNOTSUPP}), Warn, "operation not supported", "psi=1"},
		"PSI, not built":           {pressure(nil, fs.ErrNotExist), Warn, "no pressure", "CONFIG_PSI"},
		"a quota":                  {quota(disk.Ways{Project: true, Type: "xfs"}, nil), OK, "project quotas on xfs", ""},
		"a quota that root passes": {quota(disk.Ways{Project: true, Bypass: true, Type: "ext4"}, nil), OK, "not refused", ""},
		"no quota":                 {quota(disk.Ways{Type: "tmpfs", Why: "/x is on tmpfs"}, nil), Warn, "by counting", "/x is on tmpfs"},
		"no answer":                {quota(disk.Ways{}, errors.New("look: no")), Warn, "look: no", ""},
	} {
		check(t, name, c.fact, c.state, c.said, c.remedy)
	}
}

func check(t *testing.T, name string, f Fact, state State, said, remedy string) {
	t.Helper()
	if f.State != state || !strings.Contains(f.Said, said) || !strings.Contains(f.Remedy, remedy) || (f.Remedy == "") != (remedy == "") {
		t.Errorf("%s: %+v, want %s, %q, %q", name, f, state, said, remedy)
	}
}

func TestControllers(t *testing.T) {
	h := with(func(h *host) {
		h.Controllers["cpuset"] = cgroup.Fact{Where: cgroup.V2, Why: "/sys/fs/cgroup/app.slice/cgroup.controllers does not list it"}
		h.Controllers["memory"] = cgroup.Fact{Why: "no hierarchy with it is mounted"}
	})
	want := map[string]string{"controller cpuset": "echo +cpuset into the cgroup.subtree_control", "controller memory": "cgroup_enable=memory"}
	for _, f := range h.controllers() {
		if remedy := want[f.Name]; (f.State == Warn) != (remedy != "") || !strings.Contains(f.Remedy, remedy) {
			t.Errorf("%+v, want %q", f, remedy)
		}
	}
}
