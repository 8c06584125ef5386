package main

import (
	"fmt"
	"strings"
)

// machine is what qemu is told about a guest. Files are paths that qemu opens;
// Port and Root are numbers of connected sockets among its descriptors.
type machine struct {
	Kernel, Initramfs, Console string
	MiB, CPUs                  int
	Port, Root                 int
	Disks                      []string
	Systemd                    bool
	Cgroup                     string // that systemd is to mount
}

// systemdGroups are systemd's words for control groups (systemd(1)).
var systemdGroups = map[string]string{
	"v2":     "systemd.unified_cgroup_hierarchy=1",
	"hybrid": "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=0",
	"v1":     "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1",
}

// kernelWords make the kernel quick under emulation, and end the guest when it
// panics: qemu does not restart (-no-reboot).
const kernelWords = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check nowatchdog " +
	"cryptomgr.notests random.trust_cpu=on"

// args are qemu's. The processor is one without AVX: the emulation of wide
// registers costs more than they save.
func (m machine) args() []string {
	words := kernelWords
	if m.Systemd {
		words += " systemd.show_status=no systemd.log_target=console " + systemdGroups[m.Cgroup]
	}
	args := []string{
		"-M", "q35,memory-backend=mem", "-accel", "tcg,thread=multi", "-cpu", "Nehalem,+rdrand", "-smp", fmt.Sprint(m.CPUs),
		"-m", fmt.Sprint(m.MiB), "-object", fmt.Sprintf("memory-backend-memfd,id=mem,size=%dM,share=on", m.MiB),
		"-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", m.Kernel, "-initrd", m.Initramfs, "-append", words,
		"-chardev", "file,id=console,path=" + commas(m.Console), "-serial", "chardev:console",
		"-chardev", fmt.Sprintf("socket,id=port,fd=%d", m.Port),
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=" + portName,
		"-chardev", fmt.Sprintf("socket,id=root,fd=%d", m.Root),
		"-device", "vhost-user-fs-pci,chardev=root,tag=" + rootTag,
	}
	for _, file := range m.Disks {
		args = append(args, "-drive", "if=virtio,format=raw,snapshot=on,file="+commas(file))
	}
	return args
}

// commas writes a value of a qemu option that may have commas in it.
func commas(value string) string { return strings.ReplaceAll(value, ",", ",,") }
