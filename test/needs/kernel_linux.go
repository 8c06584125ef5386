package needs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// CgroupV2 answers the directory of t's own v2 group, in which t may make
// groups and where the named controllers are available. Where there is none,
// t is skipped.
func CgroupV2(t testing.TB, controllers ...string) string {
	t.Helper()
	const what = ReasonKernel + "cgroup v2"
	dir, err := ownGroup("cgroup2", "")
	if err != nil {
		t.Skip(what + ": " + err.Error())
	}
	list, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		t.Skip(what + ": " + err.Error())
	}
	for _, c := range controllers {
		if !slices.Contains(strings.Fields(string(list)), c) {
			t.Skip(what + ": controller " + c + " in " + dir)
		}
	}
	// with -c hybrid and without controllers, this is Unified's
	if len(controllers) == 0 && len(strings.Fields(string(list))) == 0 {
		t.Skip(what + ": controllers in " + dir)
	}
	return dir
}

// CgroupV1 answers the directories of t's own groups in the v1 hierarchies of
// the named controllers, in their order, in which t may make groups. Where one
// of them is not there, t is skipped.
func CgroupV1(t testing.TB, controllers ...string) []string {
	t.Helper()
	var dirs []string
	for _, c := range controllers {
		dir, err := ownGroup("cgroup", c)
		if err != nil {
			t.Skip(ReasonKernel + "cgroup v1: " + err.Error())
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

// Unified answers the directory of t's own v2 group on a hybrid system, in
// which t may make groups: the controllers are in v1 hierarchies. Elsewhere t
// is skipped.
func Unified(t testing.TB) string {
	t.Helper()
	CgroupV1(t, "freezer")
	dir, err := ownGroup("cgroup2", "")
	if err != nil {
		t.Skip(ReasonKernel + "hybrid control groups: " + err.Error())
	}
	return dir
}

// ProjectQuota answers a fresh directory on a file system of that type ("ext4"
// or "xfs") that limits what a project may write, for a test that runs as
// root. It is removed when t ends.
func ProjectQuota(t testing.TB, kind string) string {
	t.Helper()
	Root(t)
	mounts, err := readMounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mounts {
		if m.kind != kind || !slices.Contains(m.options, "prjquota") {
			continue
		}
		dir, err := os.MkdirTemp(m.dir, "test-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	t.Skip(ReasonKernel + "project quotas: no " + kind + " is mounted with prjquota")
	return ""
}

// Systemd skips t where systemd is not the first process.
func Systemd(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		t.Skip(ReasonKernel + "systemd as its first process")
	}
}

// ownGroup is this process's group in a hierarchy: "cgroup2", or "cgroup" and
// a controller. That it may make groups there is found by making one.
func ownGroup(kind, controller string) (string, error) {
	mounts, err := readMounts()
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(mounts, func(m mounted) bool {
		return m.kind == kind && (controller == "" || slices.Contains(m.options, controller))
	})
	if at < 0 {
		return "", fmt.Errorf("%s %s is not mounted", kind, controller)
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	path, ok := groupPath(string(text), controller)
	if !ok {
		return "", fmt.Errorf("this process has no group for %q", controller)
	}
	dir := filepath.Join(mounts[at].dir, path)
	probe, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return "", err
	}
	return dir, os.Remove(probe)
}

// groupPath finds a controller's line, or v2's for "", in the text of
// /proc/PID/cgroup (cgroups(7)).
func groupPath(text, controller string) (string, bool) {
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) == 3 && (controller == "" && f[0] == "0" || controller != "" && slices.Contains(strings.Split(f[1], ","), controller)) {
			return f[2], true
		}
	}
	return "", false
}

// mounted is a mounted file system.
type mounted struct {
	dir, kind string
	options   []string // of the file system
}

func readMounts() ([]mounted, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, errors.Join(errors.New("read what is mounted"), err)
	}
	return parseMounts(string(text)), nil
}

// parseMounts reads the text of /proc/PID/mountinfo (proc(5)). A mount of a
// part of a file system is left out.
func parseMounts(text string) []mounted {
	var all []mounted
	for line := range strings.Lines(text) {
		mount, system, ok := strings.Cut(line, " - ")
		m, s := strings.Fields(mount), strings.Fields(system)
		if !ok || len(m) < 6 || len(s) < 3 || m[3] != "/" {
			continue
		}
		all = append(all, mounted{dir: m[4], kind: s[0], options: strings.Split(s[2], ",")})
	}
	return all
}
