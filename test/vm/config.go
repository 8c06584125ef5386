package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// config is what was asked for on the command line.
type config struct {
	Cgroup   string
	User     string
	Delegate bool
	Quota    bool
	MiB      int
	CPUs     int
	Timeout  time.Duration
	Verbose  bool
	Fetch    bool
	Systemd  bool
	Command  []string
}

// parse reads vm's arguments; all their faults are in one error.
func parse(args []string, usage io.Writer) (config, error) {
	var c config
	f := flag.NewFlagSet("vm", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&c.Cgroup, "c", "v2", "control groups: v2, v1 or hybrid")
	f.StringVar(&c.User, "user", "root", "who runs the command")
	f.BoolVar(&c.Delegate, "delegate", false, "with -c v2: the command's group belongs to its user")
	f.BoolVar(&c.Quota, "quota", false, "mount file systems with project quotas at /vm/ext4 and /vm/xfs")
	f.IntVar(&c.MiB, "m", 2048, "memory in MiB, taken as it is used")
	f.IntVar(&c.CPUs, "cpus", 2, "processors; with one, no emulated processor waits for another")
	f.DurationVar(&c.Timeout, "timeout", 10*time.Minute, "time allowed, the boot included")
	f.BoolVar(&c.Verbose, "v", false, "say how long it took")
	f.BoolVar(&c.Systemd, "systemd", false, "the host's systemd is the first process; the command is a service")
	f.BoolVar(&c.Fetch, "fetch", false, "run nothing: only get what guests are made of")
	f.Usage = func() {
		fmt.Fprintln(usage, "usage: vm [option]... [--] command [argument]...")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return c, err
	}
	c.Command = f.Args()
	c.Quota = c.Quota || c.Fetch
	var errs []error
	if !slices.Contains([]string{"v2", "v1", "hybrid"}, c.Cgroup) {
		errs = append(errs, fmt.Errorf("-c %s: it is v2, v1 or hybrid", c.Cgroup))
	}
	if c.Delegate && c.Cgroup != "v2" {
		errs = append(errs, fmt.Errorf("-delegate: only v2 groups can be delegated, not %s", c.Cgroup))
	}
	if c.MiB < 256 {
		errs = append(errs, fmt.Errorf("-m %d: a guest needs 256", c.MiB))
	}
	if c.CPUs < 1 {
		errs = append(errs, fmt.Errorf("-cpus %d: a guest needs one", c.CPUs))
	}
	if len(c.Command) == 0 && !c.Fetch {
		errs = append(errs, errors.New("no command given"))
	}
	return c, errors.Join(errs...)
}

// always are the modules that every guest needs.
var always = []string{"virtio_pci", "virtio_console", "virtiofs", "overlay"}

// prepare finds or makes what the guest is made of.
func (c config) prepare() (m machine, modules []string, j job, err error) {
	if os.Geteuid() != 0 {
		return m, nil, j, errors.New("it takes root to hand the host's files to a guest")
	}
	if j, err = c.job(); err != nil {
		return m, nil, j, err
	}
	kept, err := openCache()
	if err != nil {
		return m, nil, j, err
	}
	for _, program := range []struct{ name, pkg string }{qemu, virtiofsd} {
		if _, err := find(program.name, program.pkg); err != nil {
			return m, nil, j, err
		}
	}
	if m.Systemd = c.Systemd; c.Systemd {
		if _, err := os.Stat(systemd); err != nil {
			return m, nil, j, errors.New("systemd is not installed: apt-get install --no-install-recommends systemd dbus")
		}
	}
	m.Cgroup, m.MiB, m.CPUs = c.Cgroup, c.MiB, c.CPUs
	wanted := slices.Clone(always)
	if c.Quota {
		wanted = append(wanted, "virtio_blk")
		for _, i := range quotaImages {
			file, err := kept.once(i.Type+".img", i.make)
			if err != nil {
				return m, nil, j, err
			}
			wanted = append(wanted, i.modules...)
			m.Disks = append(m.Disks, file)
			j.Disks = append(j.Disks, i.disk)
		}
	}
	var dir string
	if m.Kernel, dir, err = kept.kernel(); err != nil {
		return m, nil, j, err
	}
	found, err := findModules(dir)
	if err != nil {
		return m, nil, j, err
	}
	modules, err = found.order(wanted...)
	return m, modules, j, err
}

// job is what the guest is told.
func (c config) job() (j job, err error) {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return j, err
	}
	group, err := os.ReadFile("/etc/group")
	if err != nil {
		return j, err
	}
	who, err := findAccount(string(passwd), string(group), c.User)
	if err != nil {
		return j, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return j, err
	}
	env := environ(os.Environ(), who)
	if c.Systemd && who.UID != 0 {
		runtime := fmt.Sprintf("/run/user/%d", who.UID)
		env = append(env, "XDG_RUNTIME_DIR="+runtime, "DBUS_SESSION_BUS_ADDRESS=unix:path="+runtime+"/bus")
	}
	return job{
		Args: c.Command, Env: env, Dir: dir, Cgroup: c.Cgroup, Own: c.Delegate, Systemd: c.Systemd,
		UID: who.UID, GID: who.GID, Groups: who.Groups,
	}, nil
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environ is the command's environment: ours, without what names places of the
// host or of another user.
func environ(ours []string, who account) []string {
	set := map[string]string{"HOME": who.Home, "USER": who.Name, "LOGNAME": who.Name}
	env := slices.DeleteFunc(slices.Clone(ours), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		_, replaced := set[name]
		return replaced || name == "TMPDIR" || name == "DBUS_SESSION_BUS_ADDRESS" || strings.HasPrefix(name, "XDG_")
	})
	for _, name := range []string{"HOME", "USER", "LOGNAME"} {
		env = append(env, name+"="+set[name])
	}
	if !slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") }) {
		env = append(env, "PATH="+defaultPath)
	}
	return env
}
