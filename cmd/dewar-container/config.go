//go:build linux && cgo

package main

import (
	"fmt"
	"path/filepath"

	"github.com/opencontainers/cgroups"
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/task"
)

// config is what libcontainer is to do: all but the tree, which stands on the
// stage, and the control group, which the run is in already.
func (s *stage) config(shared *sharing) (*configs.Config, error) {
	iso := s.w.Isolation
	umask := uint32(s.w.Umask)
	c := &configs.Config{
		Rootfs:          s.root(),
		Mounts:          s.mounts(),
		Namespaces:      append(configs.Namespaces{{Type: configs.NEWNS}}, shared.namespaces...),
		Capabilities:    capabilitySets(s.w),
		NoNewPrivileges: s.w.NoNewPrivs,
		Umask:           &umask,
		MaskPaths:       append(append([]string(nil), masked...), iso.Hidden...),
		ReadonlyPaths:   append([]string(nil), readOnly...),
		RootPropagation: unix.MS_SLAVE | unix.MS_REC,
		NoNewKeyring:    true,
		// Rootless: with its groups read-only, libcontainer leaves them alone.
		RootlessCgroups: true,
		Cgroups:         &cgroups.Cgroup{Name: "dewar-container", Rootless: true, Resources: &cgroups.Resources{}},
	}
	if iso.PID == task.Private {
		c.Namespaces.Add(configs.NEWPID, "")
	}
	if shared.made[configs.NEWUTS] {
		c.Hostname = iso.Hostname
	}
	if shared.made[configs.NEWNET] {
		c.Networks = []*configs.Network{{Type: "loopback"}}
	}
	if s.ownRoot() {
		c.Devices = ownDevices()
	}
	for _, path := range iso.ReadOnly {
		if s.libcontainers(path) {
			c.ReadonlyPaths = append(c.ReadonlyPaths, path)
		}
	}
	if iso.Seccomp != task.SeccompNone {
		filter, err := defaultFilter(capabilitiesOf(s.w))
		if err != nil {
			return nil, fmt.Errorf("make the seccomp filter: %w", err)
		}
		c.Seccomp = filter
	}
	return c, nil
}

// What of /proc and /sys tells about the machine, or changes it, whoever asks:
// the paths that container engines agree on.
var (
	masked = []string{"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"}
	readOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

const closed = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV

// mounts are the kernel's file systems that the tree needs.
func (s *stage) mounts() []*configs.Mount {
	var all []*configs.Mount
	add := func(device, target string, flags int, data string) {
		all = append(all, &configs.Mount{Source: device, Device: device, Destination: target, Flags: flags, Data: data})
	}
	if s.ownRoot() || s.w.Isolation.PID == task.Private {
		add("proc", "/proc", closed, "")
	}
	if !s.ownRoot() {
		// Said to be mounted from elsewhere: libcontainer would otherwise furnish
		// the machine's own /dev, and replace what is in it.
		dev := filepath.Join(s.root(), "dev")
		all = append(all, &configs.Mount{Source: dev, Device: "bind", Destination: "/dev", Flags: unix.MS_BIND | unix.MS_REC})
	}
	if s.ownRoot() {
		add("sysfs", "/sys", closed|unix.MS_RDONLY, "")
		add("tmpfs", "/dev", unix.MS_NOSUID|unix.MS_STRICTATIME, "mode=755,size=64k")
		add("devpts", "/dev/pts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5")
	}
	if s.ownRoot() || s.w.Isolation.IPC == task.Private && s.has("/dev/mqueue") {
		add("mqueue", "/dev/mqueue", closed, "")
	}
	return append(all, s.late...)
}

// ownDevices are the devices of a root file system of the task's own.
func ownDevices() []*devices.Device {
	list := []struct {
		path         string
		major, minor int64
	}{{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}}
	var out []*devices.Device
	for _, d := range list {
		out = append(out, &devices.Device{
			Path: d.path, FileMode: 0o666,
			Rule: devices.Rule{Type: devices.CharDevice, Major: d.major, Minor: d.minor, Permissions: "rwm", Allow: true},
		})
	}
	return out
}
