package disk

import "testing"

// As the kernel wrote it, on several machines.
const mountinfo = `22 27 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
27 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro
29 27 8:17 / /var/lib rw,relatime shared:29 - ext4 /dev/sdb1 rw,prjquota
60 29 253:1 /agent /var/lib/dewar rw,relatime master:3 - xfs /dev/mapper/vg\040x-agent rw,attr2,inode64,prjquota
61 27 0:45 / /mnt/with\040space rw,relatime - btrfs /dev/sdc rw,subvolid=5,subvol=/
62 27 0:46 / /tmp rw - tmpfs tmpfs rw
63 62 0:47 / /tmp rw - tmpfs second rw
a line that is none
`

func TestMountOf(t *testing.T) {
	for path, want := range map[string]Ways{
		"/":                      {Type: "ext4", Mount: "/", Device: "/dev/sda2"},
		"/var/library":           {Type: "ext4", Mount: "/", Device: "/dev/sda2"},
		"/var/lib":               {Type: "ext4", Mount: "/var/lib", Device: "/dev/sdb1"},
		"/var/lib/dewarf/x":      {Type: "ext4", Mount: "/var/lib", Device: "/dev/sdb1"},
		"/var/lib/dewar/tasks/x": {Type: "xfs", Mount: "/var/lib/dewar", Device: "/dev/mapper/vg x-agent"},
		"/mnt/with space/x":      {Type: "btrfs", Mount: "/mnt/with space", Device: "/dev/sdc"},
		"/tmp/x":                 {Type: "tmpfs", Mount: "/tmp", Device: "second"},
	} {
		if got, ok := mountOf(mountinfo, path); !ok || got != want {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
	if _, ok := mountOf("", "/"); ok {
		t.Error("found a mount in nothing")
	}
}

func TestJudge(t *testing.T) {
	const dir = "/var/lib/dewar"
	for _, c := range []struct {
		fs, mount string
		state     uint16
		want      Ways
	}{
		{"ext4", "/var", counted | enforced, Ways{Project: true, Bypass: true}},
		{"xfs", "/var", counted | enforced, Ways{Project: true}},
		{"f2fs", "/var", counted | enforced, Ways{Project: true, Bypass: true}},
		{"ext4", "/var", counted, Ways{Why: "/var/lib/dewar is on ext4 whose project quotas count but do not limit: umount /var && (mount -o prjquota /dev/sdb1 /var || mount /dev/sdb1 /var)"}},
		{"ext4", "/it's", 15, Ways{Why: `/var/lib/dewar is on ext4 without project quotas: modprobe quota_v2 && umount '/it'\''s' && tune2fs -O project,quota -Q prjquota /dev/sdb1 && (mount -o prjquota /dev/sdb1 '/it'\''s' || mount /dev/sdb1 '/it'\''s')`}},
		{"ext4", "/", 0, Ways{Why: "/var/lib/dewar is on ext4 without project quotas: keep tasks on a file system of their own (--root, DEWAR_ROOT); or, if modprobe quota_v2 works: from another system tune2fs -O project,quota -Q prjquota /dev/sdb1, and boot with rootflags=prjquota"}},
		{"xfs", "/var", 0, Ways{Why: "/var/lib/dewar is on xfs mounted without project quotas: umount /var && (mount -o prjquota /dev/sdb1 /var || mount /dev/sdb1 /var)"}},
		{"xfs", "/", 0, Ways{Why: "/var/lib/dewar is on xfs mounted without project quotas: boot with rootflags=prjquota; or keep tasks on a file system of their own (--root, DEWAR_ROOT)"}},
		{"tmpfs", "/var", 0, Ways{Why: "/var/lib/dewar is on tmpfs, which has no project quotas: ext4 and xfs have them"}},
	} {
		at := Ways{Type: c.fs, Mount: c.mount, Device: "/dev/sdb1"}
		c.want.Type, c.want.Mount, c.want.Device = at.Type, at.Mount, at.Device
		if got := at.judge(dir, c.state); got != c.want {
			t.Errorf("%s, state %#x:\n got %+v\nwant %+v", c.fs, c.state, got, c.want)
		}
	}
}
