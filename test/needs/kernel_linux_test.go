package needs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGroupPath(t *testing.T) {
	const text = "3:memory:/a\n2:cpu,cpuacct:/b:c\n1:name=systemd:/d\n0::/e f\n"
	for controller, want := range map[string]string{"memory": "/a", "cpuacct": "/b:c", "": "/e f", "pids": ""} {
		if got, ok := groupPath(text, controller); got != want || ok != (want != "") {
			t.Errorf("groupPath(%q) = %q, %v; want %q", controller, got, ok, want)
		}
	}
}

func TestParseMounts(t *testing.T) {
	const text = "26 24 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n" +
		"30 24 254:0 / /vm/ext4 rw,relatime - ext4 /dev/vda rw,prjquota\n" +
		"31 24 254:0 /part /part rw,relatime - ext4 /dev/vda rw,prjquota\n" +
		"half a line\n"
	want := []mounted{
		{"/sys/fs/cgroup/cpu,cpuacct", "cgroup", []string{"rw", "cpu", "cpuacct"}},
		{"/vm/ext4", "ext4", []string{"rw", "prjquota"}},
	}
	if diff := cmp.Diff(want, parseMounts(text), cmp.AllowUnexported(mounted{})); diff != "" {
		t.Errorf("parseMounts (-want +got):\n%s", diff)
	}
}
