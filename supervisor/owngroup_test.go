package supervisor

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// Two tasks of one name, with processes of the same names, started from one
// place, have nothing to do with each other.
func TestGroupsOfOneName(t *testing.T) {
	needGroups(t)
	names := []string{"tasks", "cgroup.procs", "checks", "task", "ctl", "p-a", "a b ✓", `a\x2d%20\b`, strings.Repeat("ü", 100)}
	var worlds []*world
	for range 2 {
		var processes []task.Process
		for _, name := range names {
			processes = append(processes, sh(name, `echo "$DEWAR_PROCESS"; exec sleep 1000`))
		}
		w := newWorld(t, tasks(processes...))
		w.start()
		worlds = append(worlds, w)
	}
	for _, w := range worlds {
		for _, name := range names {
			w.untilStarted(name)
			if pids, err := w.tree().Process(name).Procs(); err != nil || !slices.Equal(pids, []int{w.last(name).Pid}) {
				t.Errorf("%q has pid %d, and its group %v, %v", name, w.last(name).Pid, pids, err)
			}
		}
	}
	first, second := worlds[0], worlds[1]
	if a, b := first.tree().Place(), second.tree().Place(); path.Dir(a.Unified) != path.Dir(b.Unified) || fmt.Sprint(a) == fmt.Sprint(b) {
		t.Errorf("one has its groups at %+v, the other at %+v", a, b)
	}
	first.ask("/v1/kill", `{"grace":0}`, 200)
	first.finished()
	first.noGroups()
	for _, name := range names {
		last := second.last(name)
		if pids, err := second.tree().Process(name).Procs(); err != nil || last.State != machine.Running || !slices.Equal(pids, []int{last.Pid}) {
			t.Errorf("when the other task is over %q is %+v, and its group has %v, %v", name, last, pids, err)
		}
	}
	second.ask("/v1/kill", `{"grace":0}`, 200)
	second.finished()
	second.noGroups()
}

// Whose own group is the root of all makes groups there, limits what it starts,
// and leaves nothing behind: containers and Mesos' posix launcher put us there.
func TestGroupsOfTheRoot(t *testing.T) {
	needGroups(t, "memory", "pids")
	needs.Root(t)
	if lane := os.Getenv("DEWAR_LANE"); lane == "" || lane == "root" || lane == "user" {
		t.Skip(needs.Prefix + "a guest, whose roots are nobody's")
	}
	a := sh("a", "exec sleep 1000")
	a.Resources = &task.Resources{RAM: 32 << 20}
	spec := tasks(a)
	spec.Resources = &task.Resources{RAM: 64 << 20, Pids: 50}
	w := newWorld(t, spec)
	roots := rootGroups(t)
	for _, root := range roots {
		w.within = append(w.within, root+"/cgroup.procs")
	}
	w.start()
	w.untilStarted("a")
	place := w.tree().Place()
	for _, dir := range place.V1 {
		if !slices.Contains(roots, path.Dir(dir)) {
			t.Errorf("it has groups in %s", dir)
		}
	}
	if place.Unified != "" && !slices.Contains(roots, path.Dir(place.Unified)) {
		t.Errorf("it has groups in %s", place.Unified)
	}
	w.holdsTo("a", "64MB 50, 32MB -1")
	if pids, err := w.tree().Process("a").Procs(); err != nil || !slices.Equal(pids, []int{w.last("a").Pid}) {
		t.Errorf("its group has %v, %v, and its pid is %d", pids, err, w.last("a").Pid)
	}
	w.kill(w.holder(w.dir.Lock()))
	w.ask("/v1/resize", `{"limits":{"pids":40}}`, 200)
	w.holdsTo("a", "64MB 40, 32MB -1")
	w.ask("/v1/kill", `{"grace":0}`, 200)
	w.finished()
	for _, dir := range append([]string{place.Unified}, slices.Collect(maps.Values(place.V1))...) {
		if dir != "" && fileExists(dir) { // also on v2: the root lets us step back
			t.Errorf("%s is there", dir)
		}
	}
}

// rootGroups are the roots of the hierarchies that we may make groups in.
func rootGroups(t *testing.T) (roots []string) {
	t.Helper()
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range host.Own {
		for fileExists(path.Dir(dir) + "/cgroup.procs") {
			dir = path.Dir(dir)
		}
		if !slices.Contains(roots, dir) {
			roots = append(roots, dir)
		}
	}
	return roots
}

// An ordinary user to whom a group is delegated, like everybody else, has what
// he asks for: limits, attributes, a pause, other limits, and a limit of the
// disk.
func TestGroupsOfAUser(t *testing.T) {
	needGroups(t, "memory", "pids", "cpu")
	nice, adj, umask := 7, 300, task.Umask(0o077)
	a := sh("a", `ulimit -n; nice; cat /proc/self/oom_score_adj; umask; touch up; while [ ! -e write ]; do sleep 0.01; done; head -c 3000000 /dev/zero > big; exec sleep 1000`)
	a.Rlimits = map[string]task.Rlimit{"nofile": {Soft: 100, Hard: 200}}
	a.Nice, a.OOMScoreAdj, a.Umask = &nice, &adj, &umask
	a.Resources = &task.Resources{RAM: 64 << 20, CPU: 0.5, CPUHard: 0.5}
	spec := tasks(a)
	spec.Resources = &task.Resources{Disk: 1 << 20, Pids: 60}
	w := newWorld(t, spec)
	w.start()
	w.until("it is up", func() bool { return fileExists(w.sandbox("up")) })
	if out := w.text(".logs/a/0/stdout"); out != "100\n7\n300\n0077\n" {
		t.Errorf("it sees %q", out)
	}
	w.ask("/v1/pause", `{}`, 200)
	w.ask("/v1/resize", `{"process":"a","limits":{"ram":"48MB","pids":20}}`, 200)
	w.holdsTo("a", "-1MB 60, 48MB 20")
	w.write(w.sandbox("write"), "")
	if frozen, err := w.tree().Task().Frozen(); err != nil || !frozen || fileExists(w.sandbox("big")) {
		t.Errorf("it is frozen: %v, %v", frozen, err)
	}
	w.ask("/v1/unpause", `{}`, 200)
	if s := w.finished(); s.State != machine.Failed || !strings.Contains(s.Reason, "disk") {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	if u, found, err := sandbox.ReadDiskUsage(w.dir); err != nil || !found || u.Bytes < 2<<20 && os.Geteuid() != 0 {
		t.Errorf("shown: %+v, %v, %v", u, found, err)
	}
	if stray, err := filepath.Glob(w.dir.Sandbox() + "/.logs/a/*"); err != nil || len(stray) != 1 {
		t.Errorf("it ran %d times, %v", len(stray), err)
	}
	w.noGroups()
}
