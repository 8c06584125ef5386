package needs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The tests here hold guests to what they promise; test/lanes runs them there.

func TestKernelV2(t *testing.T) {
	own := CgroupV2(t, "memory", "pids", "cpu", "io", "cpuset")
	group := child(t, own)
	procs, err := os.ReadFile(filepath.Join(own, "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	if fields := strings.Fields(string(procs)); len(fields) != 1 {
		t.Errorf("processes in %s: %v; the test wants to be alone in it", own, fields)
	}
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(
			os.WriteFile(filepath.Join(own, "cgroup.subtree_control"), []byte("-memory"), 0),
			os.WriteFile(filepath.Join(own, "cgroup.procs"), []byte("0"), 0),
		); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(own, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(group, "memory.max"), []byte("1G"), 0); err != nil {
		t.Error(err)
	}
}

func TestKernelV1(t *testing.T) {
	Root(t)
	dirs := CgroupV1(t, "cpu", "cpuacct", "memory", "pids", "freezer", "cpuset", "blkio", "devices")
	for at, file := range map[int]string{0: "cpu.shares", 1: "cpuacct.usage", 2: "memory.limit_in_bytes", 3: "pids.max", 4: "freezer.state"} {
		if _, err := os.ReadFile(filepath.Join(child(t, dirs[at]), file)); err != nil {
			t.Error(err)
		}
	}
	if dirs[0] != dirs[1] && os.Getenv("DEWAR_LANE") == "v1" {
		t.Errorf("cpu in %s and cpuacct in %s; systemd has them together", dirs[0], dirs[1])
	}
}

func TestKernelHybrid(t *testing.T) {
	Root(t)
	group := child(t, Unified(t))
	if _, err := os.ReadFile(filepath.Join(group, "cgroup.events")); err != nil {
		t.Error(err)
	}
}

// child makes a group that is removed when t ends.
func child(t *testing.T, dir string) string {
	t.Helper()
	group, err := os.MkdirTemp(dir, "test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	return group
}

// TestSystemdScope asks systemd, root's or the user's own, for a scope that may
// have groups.
func TestSystemdScope(t *testing.T) {
	Systemd(t)
	args := []string{"--user", "--quiet", "--scope", "-p", "Delegate=yes", "cat", "/proc/self/cgroup"}
	if os.Geteuid() == 0 {
		args = args[1:]
	}
	out, err := exec.Command(Program(t, "systemd-run"), args...).CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), ".scope") {
		t.Errorf("a scope: %v\n%s", err, out)
	}
}

// TestKernelQuota gives a directory a project of 1 MB and writes 2. Xfs says
// that the device is full: to it a project is a small device.
func TestKernelQuota(t *testing.T) {
	for kind, want := range map[string]error{"ext4": unix.EDQUOT, "xfs": unix.ENOSPC} {
		t.Run(kind, func(t *testing.T) {
			dir := ProjectQuota(t, kind)
			limit(t, dir, 7, 1<<20)
			if err := writeWithoutPrivilege(filepath.Join(dir, "big"), 2<<20); !errors.Is(err, want) {
				t.Errorf("write more than the quota: %v, want %v", err, want)
			}
		})
	}
}

// writeWithoutPrivilege writes a file on a thread without CAP_SYS_RESOURCE:
// who has that is not limited on ext4.
func writeWithoutPrivilege(path string, size int) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and it ends with its thread
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var caps [2]unix.CapUserData
		if err := unix.Capget(&head, &caps[0]); err != nil {
			done <- err
			return
		}
		caps[0].Effective &^= 1 << unix.CAP_SYS_RESOURCE
		if err := unix.Capset(&head, &caps[0]); err != nil {
			done <- err
			return
		}
		done <- os.WriteFile(path, make([]byte, size), 0o600)
	}()
	return <-done
}

// limit makes dir and what will be in it a project that may write so many
// bytes.
func limit(t *testing.T, dir string, project uint32, bytes uint64) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	// struct fsxattr, FS_IOC_FSSETXATTR and FS_XFLAG_PROJINHERIT of linux/fs.h
	attr := struct {
		flags, extent, extents, project, cow uint32
		pad                                  [8]byte
	}{flags: 0x200, project: project}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), 0x401c5820, uintptr(unsafe.Pointer(&attr))); errno != 0 {
		t.Fatalf("make a project: %v", errno)
	}
	// struct if_dqblk, Q_SETQUOTA, PRJQUOTA and QIF_BLIMITS of linux/quota.h
	quota := struct {
		hard, soft, space, files, filesSoft, inodes, spaceTime, filesTime uint64
		valid, pad                                                        uint32
	}{hard: bytes >> 10, soft: bytes >> 10, valid: 1}
	const setProjectQuota = 0x800008<<8 | 2
	if _, _, errno := unix.Syscall6(unix.SYS_QUOTACTL_FD, f.Fd(), setProjectQuota, uintptr(project), uintptr(unsafe.Pointer(&quota)), 0, 0); errno != 0 {
		t.Fatalf("set a project's quota: %v", errno)
	}
}
