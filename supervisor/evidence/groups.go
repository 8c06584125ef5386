package evidence

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// figures are the kernel's files about a group, of v2 and of v1.
var figures = []string{
	"memory.current", "memory.peak", "memory.high", "memory.max", "memory.swap.current", "memory.events",
	"memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes", "memory.failcnt", "memory.oom_control",
	"memory.pressure", "cpu.pressure", "io.pressure",
	"cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat", "cpuacct.usage", "cpuset.cpus.effective",
	"io.stat", "pids.current", "pids.peak", "pids.max", "pids.events",
	"cgroup.events", "cgroup.stat", "cgroup.freeze", "freezer.state", "memory.stat",
}

// ofMachine are the machine's.
var ofMachine = []string{"/proc/loadavg", "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io", "/proc/meminfo"}

// groups is what groups.txt holds. These files are the kernel's alone, and
// nobody is held up by reading them.
func (c *Case) groups() []byte {
	var b bytes.Buffer
	if c.Place != nil {
		tree := cgroup.Open(*c.Place)
		for _, g := range []cgroup.Group{tree.Process(c.Run.Process), tree.Task()} {
			for _, dir := range directories(g) {
				figuresOf(&b, dir)
			}
		}
	}
	b.WriteString("== the machine\n")
	for _, file := range ofMachine {
		figure(&b, file)
	}
	return b.Bytes()
}

// directories are where a group is, or the group above it that stands for it.
func directories(g cgroup.Group) []string {
	unified, joins := g.Entry()
	var dirs []string
	if unified != "" {
		dirs = append(dirs, unified)
	}
	for _, file := range joins {
		dirs = append(dirs, path.Dir(file))
	}
	return dirs
}

func figuresOf(b *bytes.Buffer, dir string) {
	fmt.Fprintf(b, "== %s\n", dir)
	for _, name := range figures {
		figure(b, path.Join(dir, name))
	}
}

// figure appends one file, on one line if it is one; nothing of one that is not
// there.
func figure(b *bytes.Buffer, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		return
	}
	text := strings.TrimSuffix(string(content), "\n")
	if strings.Contains(text, "\n") {
		text = "\n    " + strings.ReplaceAll(text, "\n", "\n    ")
	}
	fmt.Fprintf(b, "%s: %s\n", path.Base(file), text)
}
