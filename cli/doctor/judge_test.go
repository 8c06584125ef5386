package doctor

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"5.10.0-28-amd64": true, "5.9.16": false, "6.1.0-18-amd64": true, "4.19.0": false, "10.0-rc1": true,
		"6.18.44-fc-v595": true, "5.11-rc3": true, "5.10+": true, "": false, "new": false,
	} {
		if atLeast(release, 5, 10) != want {
			t.Errorf("%q is at least 5.10: %v", release, !want)
		}
	}
}

func TestJudges(t *testing.T) {
	instances := sysctl{"fs.inotify.max_user_instances", 128, "why"}
	for name, c := range map[string]struct {
		fact         Fact
		state        State
		said, remedy string
	}{
		"a feature":                 {feature("f", nil, Bad, "r"), OK, "works", ""},
		"a feature that is missing": {feature("f", unix.ENOSYS, Bad, "r"), Bad, "does not have it", "r"},
		"a feature that is refused": {feature("f", unix.EPERM, Warn, "r"), Warn, "operation not permitted", "r"},
		"an old kernel":             {kernelVersion("4.19.0"), Warn, "4.19.0 is older", "5.10"},
		"no children":               {children(false), Warn, "lists no children", "CONFIG_PROC_CHILDREN"},
		"no namespaces":             {namespaces("0\n", nil), OK, "switched off", ""},
		"namespaces":                {namespaces("96365\n", nil), OK, "allowed", ""},
		"namespaces, not built":     {namespaces("", fs.ErrNotExist), OK, "none", ""},
		"files":                     {nofile(unix.Rlimit{Cur: 1024, Max: 524288}, nil), OK, "1024, raised up to 524288", ""},
		"few files":                 {nofile(unix.Rlimit{Cur: 256, Max: 1024}, nil), Warn, "256, raised up to 1024", "LimitNOFILE"},
		"processes":                 {nproc(unix.Rlimit{Cur: unix.RLIM_INFINITY}, false, nil), OK, "unlimited", ""},
		"few processes":             {nproc(unix.Rlimit{Cur: 64}, false, nil), Warn, "64 processes", "ulimit -u"},
		"few processes, root":       {nproc(unix.Rlimit{Cur: 64}, true, nil), OK, "64", ""},
		"inotify":                   {instances.judge("128\n", nil), OK, "128", ""},
		"little inotify":            {instances.judge("8\n", nil), Warn, "8: why", "sysctl -w fs.inotify.max_user_instances=128"},
		"no inotify":                {instances.judge("", fs.ErrNotExist), Warn, "cannot be read", ""},
		"overcommit":                {overcommit("0\n", nil), OK, "0", ""},
		"no overcommit":             {overcommit("2\n", nil), Warn, "forks of the shim", "overcommit_memory=0"},
		"the clock":                 {synchronised(0, nil, time.Hour), OK, "booted 1h0m0s ago", ""},
		"a clock by itself":         {synchronised(unsynchronised, nil, time.Hour), Warn, "not synchronised", "chrony"},
		"no clock":                  {synchronised(-1, unix.EPERM, time.Hour), Warn, "not permitted", ""},
		"room":                      {space(10<<30, 20<<30), OK, "10240 MB of 20480 MB", ""},
		"no room":                   {space(1<<20, 20<<30), Warn, "1 MB", "dewar gc"},
		"inodes":                    {inodes(1<<20, 1<<21), OK, "1048576 of 2097152", ""},
		"few inodes":                {inodes(7, 1<<21), Warn, "7 of", "dewar gc"},
		"inodes as needed":          {inodes(0, 0), OK, "room", ""},
		"not ours":                  {rights("/x", "/x", unix.EACCES), Bad, "/x: permission denied", "--root"},
		"to be made":                {rights("/x/y", "/x", nil), OK, "first task", ""},
		"a version":                 {versions("dewar-executor", "/bin/e", "v1", answer{"dewar-executor v1\n", nil}), OK, "version v1", ""},
		"another version":           {versions("dewar-executor", "/bin/e", "v2", answer{"dewar-executor v1\n", nil}), Warn, "is version v1, and this program is v2", "together"},
		"something else":            {versions("dewar-executor", "/bin/e", "v2", answer{"ls (GNU) 9\n", nil}), Bad, "something else", "anew"},
		"does not run":              {versions("dewar-executor", "/bin/e", "v2", answer{"", errors.New("exec format error")}), Bad, "exec format error", "anew"},
	} {
		check(t, name, c.fact, c.state, c.said, c.remedy)
	}
}

// TestLook asks this machine: every fact has a name of its own and says
// something, and what is not well has a remedy or says why.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	facts := Look(Options{Root: dir + "/tasks", Programs: Programs{Err: errors.New("find dewar-shim: it is not in /nowhere")}, Version: "v1"})
	seen := map[string]bool{}
	for _, f := range facts {
		t.Logf("%+v", f)
		if seen[f.Name] || f.Name == "" || f.Said == "" || strings.ContainsAny(f.Said+f.Remedy, "\n") {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}
	for _, name := range []string{"cgroup mode", "controller memory", "pidfd_open", "limit nofile", "clock", "tasks", "disk quota", "programs"} {
		if !seen[name] && name != "controller memory" {
			t.Errorf("there is no fact %q", name)
		}
	}
	if !Sick(facts) {
		t.Error("without programs all is well")
	}
	if Sick([]Fact{warn("a", "b", "c"), ok("d", "e")}) {
		t.Error("a warning is no illness")
	}
}
