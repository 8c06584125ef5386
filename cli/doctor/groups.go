package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// host is what the judges of groups are told.
type host struct {
	cgroup.Host
	root      bool
	systemd   bool
	scope     bool // systemd gives us one, and dewar run asks for it
	strangers []int
	unified   string                 // where cgroup2 is mounted, if it is
	books     string                 // /proc/cgroups
	swap      string                 // /proc/swaps
	release   string                 // of the kernel
	there     func(name string) bool // a kernel file, in our own unified group or one below
}

func groups() []Fact {
	found, err := cgroup.Look()
	if err != nil {
		return []Fact{bad("cgroup mode", err.Error(), "mount /proc and /sys/fs/cgroup")}
	}
	h := host{Host: found, root: os.Geteuid() == 0, release: release()}
	_, err = os.Stat("/run/systemd/system")
	h.systemd = err == nil
	h.scope = h.systemd && (h.root || exists(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "systemd/private")))
	if h.strangers, err = found.Strangers(os.Getpid()); err != nil {
		return []Fact{bad("cgroup strangers", err.Error(), "")}
	}
	if swaps, err := os.ReadFile("/proc/swaps"); err == nil {
		h.swap = string(swaps)
	}
	if h.unified, err = mounted("cgroup2"); err != nil {
		return []Fact{bad("cgroup mode", err.Error(), "mount /proc")}
	}
	if books, err := os.ReadFile("/proc/cgroups"); err == nil {
		h.books = string(books)
	}
	h.there = func(name string) bool { return anywhere(found.Own[""], name) }
	return append(h.judge(), pressure(os.ReadFile("/proc/pressure/cpu")))
}

// judge leaves out what cannot be known without any group.
func (h host) judge() []Fact {
	facts := []Fact{h.mode()}
	if h.Mode == cgroup.None {
		return facts
	}
	facts = append(facts, h.controllers()...)
	return append(facts, h.crowd(), h.kill(), h.freezer(), h.oom(), h.swapping())
}

// mounted answers where the first file system of a type is mounted; "" is
// nowhere.
func mounted(kind string) (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		left := strings.Fields(before)
		if strings.HasPrefix(after, kind+" ") && len(left) > 4 {
			return left[4], nil
		}
	}
	return "", nil
}

// anywhere says whether a file is in a group or in one right below it: the root
// group lacks many.
func anywhere(dir, name string) bool {
	if dir == "" {
		return false
	}
	if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
		return true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.IsDir() {
			_, err := os.Stat(filepath.Join(dir, e.Name(), name))
			return err == nil
		}
	}
	return false
}

// delegation is how one comes to groups of one's own.
func (h host) delegation() string {
	switch {
	case h.root:
		return "mount a cgroup file system at /sys/fs/cgroup that is writable for root (in a container: give it a writable cgroup mount)"
	case h.systemd:
		return "have a systemd of your own, which dewar run asks for a scope: log in with a session (machinectl shell, ssh), or loginctl enable-linger; by hand: systemd-run --user --scope -p Delegate=yes dewar run …"
	}
	return "let root delegate a group: mkdir one in /sys/fs/cgroup, chown it with its cgroup.procs, cgroup.threads and cgroup.subtree_control to you, and move your shell there (where cgroup2 is mounted with nsdelegate, a cgroup namespace ends what is delegated)"
}

func (h host) mode() Fact {
	if h.Mode == cgroup.None && h.scope {
		return ok("cgroup mode", "none where we stand ("+h.Why+"); dewar run asks systemd for a scope of its own")
	}
	if h.Mode == cgroup.None {
		return bad("cgroup mode", "none: "+h.Why, h.delegation())
	}
	at := h.Own[""]
	for _, name := range []string{"memory", "freezer", "pids"} {
		at = cmp.Or(at, h.Own[name])
	}
	said := string(h.Mode)
	if at != "" {
		said += ", our own group is " + at
	}
	return ok("cgroup mode", said)
}

// lacking is what does not work without a controller.
var lacking = map[string]string{
	"cpu":    "tasks that ask for cpu or cpu_hard are refused",
	"memory": "tasks that ask for ram, ram_soft or swap are refused, and nobody tells who ran out of memory",
	"pids":   "tasks that ask for pids are refused, and a fork bomb has no bound",
	"io":     "tasks that ask for io are refused",
	"cpuset": "tasks that ask for cpuset are refused",
}

func (h host) controllers() (facts []Fact) {
	for _, name := range []string{"cpu", "memory", "pids", "io", "cpuset"} {
		c, title := h.Controllers[name], "controller "+name
		if c.Usable {
			facts = append(facts, ok(title, "usable, on "+string(c.Where)))
			continue
		}
		facts = append(facts, warn(title, "not usable: "+c.Why, lacking[name]+"; "+h.obtain(name, c)))
	}
	return facts
}

// obtain is how a controller that is not usable becomes so. /proc/cgroups knows
// which hierarchy has it, and whether it was switched off at boot.
func (h host) obtain(name string, c cgroup.Fact) string {
	v1 := name
	if name == "io" {
		v1 = "blkio"
	}
	hierarchy, enabled := "", ""
	var books [][]string
	for line := range strings.Lines(h.books) {
		f := strings.Fields(line)
		if len(f) != 4 {
			continue
		}
		if books = append(books, f); f[0] == v1 {
			hierarchy, enabled = f[1], f[3]
		}
	}
	var together []string // of one hierarchy: they can only be mounted so
	for _, f := range books {
		if f[1] == hierarchy {
			together = append(together, f[0])
		}
	}
	switch {
	case enabled == "0" && name == "memory":
		return "boot with cgroup_enable=memory, and without cgroup_disable=memory"
	case enabled == "0":
		return "boot without cgroup_disable=" + v1
	case c.Where == cgroup.V1: // there, but not for us
		return h.delegation()
	case hierarchy != "" && hierarchy != "0":
		return "it is in a v1 hierarchy that is not mounted here: mount -t cgroup -o " + strings.Join(together, ",") + " none DIR, or boot with systemd.unified_cgroup_hierarchy=1"
	case c.Where == cgroup.V2:
		return "let it be handed down: echo +" + name + " into the cgroup.subtree_control of each group above (systemd: Delegate=yes, and DisableControllers= without it)"
	}
	return "mount -t cgroup -o " + v1 + " none DIR, or a kernel that is built with it"
}

// crowd is about those who keep our own group from being divided.
func (h host) crowd() Fact {
	const name = "cgroup strangers"
	if len(h.strangers) == 0 {
		return ok(name, "nobody else keeps our own group from being divided")
	}
	said := fmt.Sprintf("%d other processes are in our own group %s: %v", len(h.strangers), h.Own[""], h.strangers[:min(len(h.strangers), 10)])
	if slices.Contains(h.strangers, 0) {
		said += " (0 is one of another pid namespace)"
	}
	if h.scope {
		return ok(name, said+"; dewar run asks systemd for a scope of its own")
	}
	return bad(name, said, h.aside())
}

// aside is how one comes to be alone in a group.
func (h host) aside() string {
	own := h.Own[""]
	switch {
	case h.systemd:
		return h.delegation()
	case h.root && own != h.unified:
		return fmt.Sprintf("start it alone in a group of its own: mkdir -p %[1]s/dewar && sh -c 'echo $$ > %[1]s/dewar/cgroup.procs && exec dewar run …'", filepath.Dir(own))
	}
	return fmt.Sprintf("start it alone in a group of its own: mkdir -p %[1]s/others %[1]s/dewar; put everybody in %[1]s into others, by echo PID > %[1]s/others/cgroup.procs; "+
		"hand down what is needed, as echo '+memory +pids' > %[1]s/cgroup.subtree_control; and sh -c 'echo $$ > %[1]s/dewar/cgroup.procs && exec dewar run …'", own)
}

func (h host) kill() Fact {
	const name = "cgroup.kill"
	switch {
	case h.Own[""] == "" && h.unified != "":
		return warn(name, "the unified hierarchy at "+h.unified+" is not ours to use: processes are killed one by one, frozen if there is a freezer", h.delegation())
	case h.Own[""] == "":
		return warn(name, "there is no unified hierarchy: processes are killed one by one, frozen if there is a freezer",
			"mount cgroup2, if only for this, as root: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified")
	case h.there(name) || atLeast(h.release, 5, 14):
		return ok(name, "a group is killed at once")
	}
	return warn(name, "this kernel, "+h.release+", has none: processes are killed one by one", "a kernel of 5.14 or newer")
}

func (h host) freezer() Fact {
	const name = "pause"
	switch {
	case h.Own[""] != "" && (h.there("cgroup.freeze") || atLeast(h.release, 5, 2)):
		return ok(name, "cgroup.freeze")
	case h.Own["freezer"] != "":
		return ok(name, "the freezer of v1")
	}
	return warn(name, "nothing can be frozen: no pause, and a fork bomb is killed more slowly", "a kernel of 5.2 or newer with cgroup2, or the freezer controller of v1")
}

func (h host) oom() Fact {
	const name = "OOM"
	c := h.Controllers["memory"]
	switch {
	case !c.Usable:
		return warn(name, "without a memory controller nobody tells who was killed for want of memory", "see controller memory")
	case c.Where == cgroup.V1 && !atLeast(h.release, 4, 13):
		return warn(name, "this kernel, "+h.release+", does not count OOM kills", "a kernel of 4.13 or newer")
	}
	return ok(name, "kills are counted by the kernel, on "+string(c.Where))
}

func (h host) swapping() Fact {
	const name = "swap accounting"
	if strings.Count(strings.TrimSpace(h.swap), "\n") == 0 {
		return ok(name, "not needed: the machine has no swap")
	}
	if dir := h.Own["memory"]; dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "memory.memsw.limit_in_bytes")); err == nil {
			return ok(name, "memory.memsw")
		}
	} else if h.there("memory.swap.max") {
		return ok(name, "memory.swap.max")
	}
	return warn(name, "swap is not counted: what a task may not have as ram it takes as swap", "boot with swapaccount=1, or switch swap off")
}

// pressure judges what reading /proc/pressure/cpu brought.
func pressure(text []byte, err error) Fact {
	const name = "PSI"
	switch {
	case err == nil && strings.HasPrefix(string(text), "some "):
		return ok(name, "pressure is told (of single groups: on v2)")
	case errors.Is(err, fs.ErrNotExist):
		return warn(name, "this kernel tells no pressure", "a kernel of 4.20 or newer built with CONFIG_PSI")
	}
	return warn(name, fmt.Sprintf("this kernel tells no pressure: %v", err), "boot with psi=1")
}
