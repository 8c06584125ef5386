package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The word after which vm is a service of a guest's systemd, which runs the
// job, and the directory in which that service finds the program and the job.
const (
	asService  = "as-service"
	serviceDir = "/run/dewar-vm"
)

const systemd = "/lib/systemd/systemd"

// The service and what it is wanted by: no more of the host's services than
// it takes to have a bus.
const (
	serviceUnit = `[Unit]
Description=the command of test/vm
Requires=dbus.socket
After=dbus.socket basic.target
%s[Service]
ExecStart=` + serviceDir + `/vm ` + asService + `
Delegate=yes
OOMPolicy=continue
TasksMax=infinity
LimitNOFILE=65536:524288
KillMode=process
`
	targetUnit = `[Unit]
Requires=vm.service
After=vm.service
AllowIsolate=yes
`
)

// userManager has the command's user a systemd of his own.
const userManager = `Requires=user@%[1]d.service
After=user@%[1]d.service
`

// masked are units that would only cost time: they wait for devices, clocks or
// a next boot, or clean directories that the host's files shine through.
var masked = []string{
	"systemd-udevd.service", "systemd-udev-trigger.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
	"systemd-tmpfiles-setup.service", "systemd-tmpfiles-clean.timer", "systemd-hwdb-update.service", "systemd-random-seed.service",
	"systemd-update-utmp.service", "systemd-modules-load.service", "systemd-timesyncd.service", "systemd-networkd.service",
	"systemd-sysusers.service", "systemd-sysctl.service", "systemd-journal-flush.service", "systemd-binfmt.service",
	"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer", "man-db.timer", "logrotate.timer",
	"tmp.mount", "proc-sys-fs-binfmt_misc.automount", "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
}

// becomeSystemd makes systemd this process's successor. It returns only if it
// failed.
func becomeSystemd(j job, program []byte) error {
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	const units = "/etc/systemd/system/"
	if err := errors.Join(os.MkdirAll(serviceDir, 0o755), os.MkdirAll(units, 0o755)); err != nil {
		return err
	}
	manager := ""
	if j.UID != 0 {
		manager = fmt.Sprintf(userManager, j.UID)
	}
	for _, f := range []struct {
		path, content string
		mode          fs.FileMode
	}{
		{serviceDir + "/vm", string(program), 0o755},
		{serviceDir + jobFile, string(text), 0o644},
		{units + "vm.service", fmt.Sprintf(serviceUnit, manager), 0o644},
		{units + "vm.target", targetUnit, 0o644},
		{"/etc/fstab", "", 0o644},
	} {
		if err := os.WriteFile(f.path, []byte(f.content), f.mode); err != nil {
			return err
		}
	}
	for _, name := range masked {
		if err := os.Remove(units + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(os.DevNull, units+name); err != nil {
			return err
		}
	}
	return fmt.Errorf("execute %s: %w", systemd, unix.Exec(systemd, []string{systemd, "--unit=vm.target"}, []string{"PATH=" + defaultPath}))
}

// service runs the job in a guest's systemd, to the verdict.
func service() {
	port, err := openPort()
	if err != nil {
		giveUp(err)
	}
	conclude(port, func(frames *frameWriter) (int, error) {
		j, err := readJob(serviceDir + jobFile)
		if err != nil {
			return 0, err
		}
		groups, err := groupsInService(j)
		if err != nil {
			return 0, err
		}
		return j.run(groups, frames)
	})
}

// groupsInService makes the command's group below the service's, after
// stepping aside.
func groupsInService(j job) ([]string, error) {
	if j.Cgroup != "v2" {
		return nil, nil // it stays where systemd has put the service
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	own := filepath.Join(groupRoot, strings.TrimPrefix(strings.TrimSpace(string(text)), "0::"))
	if err := os.Mkdir(filepath.Join(own, "aside"), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(own, "aside/cgroup.procs"), []byte("0"), 0); err != nil {
		return nil, fmt.Errorf("step aside: %w", err)
	}
	dir, err := makeGroup(own, j)
	return []string{dir}, err
}
