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
		"a shell":                  {with(func(h *host) { h.strangers = []int{42} }).crowd(), Bad, "1 other processes are in our own group /sys/fs/cgroup/app.slice: [42]", "mkdir -p /sys/fs/cgroup/app.slice/others"},
		"a shell, root":            {with(func(h *host) { h.strangers, h.root, h.unified = []int{42}, true, "/sys/fs/cgroup" }).crowd(), Bad, "[42]", "mkdir -p /sys/fs/cgroup/dewar && sh -c 'echo $$ > /sys/fs/cgroup/dewar/cgroup.procs && exec"},
		"a shell, systemd":         {with(func(h *host) { h.strangers, h.systemd = []int{42}, true }).crowd(), Bad, "[42]", "systemd-run --user"},
		"a shell, and a scope":     {with(func(h *host) { h.strangers, h.scope = []int{0}, true }).crowd(), OK, "another pid namespace); dewar run asks systemd", ""},
		"kill, by version":         {v2().kill(), OK, "at once", ""},
		"kill, by file":            {with(func(h *host) { h.release, h.there = "5.4.0", func(f string) bool { return f == "cgroup.kill" } }).kill(), OK, "at once", ""},
		"kill, too old":            {with(func(h *host) { h.release = "5.10.0-28-amd64" }).kill(), Warn, "5.10.0-28-amd64", "5.14"},
		"kill, v1":                 {v1().kill(), Warn, "no unified hierarchy", "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2"},
		"kill, not ours":           {with(func(h *host) { h.Own, h.unified = nil, "/sys/fs/cgroup" }).kill(), Warn, "hierarchy at /sys/fs/cgroup is not ours", "delegate"},
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
	absent := cgroup.Fact{Why: "no hierarchy with it is mounted"}
	unlisted := cgroup.Fact{Where: cgroup.V2, Why: "/sys/fs/cgroup/app.slice/cgroup.controllers does not list it"}
	refused := cgroup.Fact{Where: cgroup.V1, Why: "no group can be made in /sys/fs/cgroup/pids: permission denied"}
	const books = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
	for name, c := range map[string]struct {
		controller string
		fact       cgroup.Fact
		books      string
		remedy     string
	}{
		"not handed down":        {"cpuset", unlisted, books + "cpuset\t0\t40\t1\n", "echo +cpuset into the cgroup.subtree_control"},
		"of a v1 hierarchy":      {"cpu", unlisted, books + "cpu\t2\t1\t1\nio\t3\t1\t1\ncpuacct\t2\t1\t1\n", "mount -t cgroup -o cpu,cpuacct none DIR"},
		"memory, off at boot":    {"memory", unlisted, books + "memory\t0\t1\t0\n", "cgroup_enable=memory"},
		"io, off at boot":        {"io", absent, books + "blkio\t0\t1\t0\n", "without cgroup_disable=blkio"},
		"not ours":               {"pids", refused, books + "pids\t8\t1\t1\n", "let root delegate a group"},
		"nowhere":                {"pids", absent, books, "mount -t cgroup -o pids none DIR"},
		"memory, not permitted":  {"memory", refused, books + "memory\t4\t1\t1\n", "let root delegate a group"},
		"memory, in v1, unseen":  {"memory", absent, books + "memory\t4\t1\t1\n", "mount -t cgroup -o memory none DIR"},
		"without /proc/cgroups,": {"io", unlisted, "", "echo +io into"},
	} {
		h := with(func(h *host) { h.Controllers[c.controller], h.books = c.fact, c.books })
		for _, f := range h.controllers() {
			if is := f.Name == "controller "+c.controller; is != (f.State == Warn) || is && !strings.Contains(f.Remedy, c.remedy) {
				t.Errorf("%s: %+v, want %q", name, f, c.remedy)
			}
		}
	}
}

// Without groups nothing is said of what they can do: it would not be true of
// those that one comes to by the remedy.
func TestJudgeWithoutGroups(t *testing.T) {
	facts := with(func(h *host) { h.Mode, h.Why = cgroup.None, "permission denied" }).judge()
	if len(facts) != 1 || facts[0].State != Bad {
		t.Errorf("%+v", facts)
	}
}
