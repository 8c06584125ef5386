// Command vm runs a command as root, or as another user, in a throw-away guest
// with a kernel, and so with control groups, of its own.
//
//	go run ./test/vm [-c v2|v1|hybrid] [-user NAME] [-delegate] [-quota] [-systemd] [-m MIB] [-timeout 10m] [--] CMD ARG…
//	go test -exec 'PATH/vm -c v2' ./sandbox/cgroup
//	go run ./test/vm -fetch
//
// What comes in: a command, in this directory and this environment. What goes
// out: its standard output and error as they are written, and its exit status
// (128+N for signal N, 126 and 127 as of a shell). 124 is a command that did
// not end in time, 125 a guest that could not be started, broke or panicked;
// the reason is then on standard error. -fetch only gets what guests are made
// of, for a first time that would otherwise take longer.
//
//	vm ─┬─▶ virtiofsd ── the host's / ──┐
//	    └─▶ qemu ── Debian's kernel ── /init, which is vm too ── vm into-groups ─▶ CMD
//	         └── one serial port: frames of output, errors and the verdict ──▶ vm
//
// The guest's root is the host's, with a layer in memory above it: the command
// sees all of the host's files, and whatever it writes is gone afterwards.
// Nothing of a guest has a name on the host, so that guests do not meet and
// none leaves anything behind; when vm is killed, the kernel kills qemu.
//
// Control groups are mounted as systemd mounts them, and the command is alone
// in the group /vm of each hierarchy where systemd gives services groups:
//
//	-c v2      one hierarchy with every controller
//	-c v1      a hierarchy per controller: cpu,cpuacct, memory, pids, blkio, devices, freezer, cpuset; and name=systemd
//	-c hybrid  the same, and v2 without controllers at /sys/fs/cgroup/unified
//
// -delegate gives the command's v2 group to its user, as systemd does with
// Delegate=yes. -quota mounts file systems that can limit what a project
// writes at /vm/ext4 and /vm/xfs.
//
// -systemd has the host's systemd as the guest's first process, with a bus and
// no more of the host's services than that takes. The command is in a group
// below the service that runs it; an ordinary user has a systemd of his own,
// too, and XDG_RUNTIME_DIR and DBUS_SESSION_BUS_ADDRESS name it.
//
// The kernel's package is downloaded with apt-get and unpacked, not installed,
// into dewar-vm in the user's cache directory (XDG_CACHE_HOME). Needed from
// Debian: qemu-system-x86, e2fsprogs, xfsprogs; for -systemd also systemd,
// dbus-user-session. The processor is emulated, so that every guest is like every
// other, on every machine.
//
// Deliberately absent: standard input, a network beyond loopback, an orderly
// shutdown, a way for a guest to write to the host, and other users than root
// on the host (virtiofsd has to be root). A guest is no wall either: it keeps
// tests from the host's files, not a program that wants to get at them.
package main
