package supervisor

import (
	"testing"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// leafOfMine has a shell find its leaf in the unified hierarchy: $leaf.
const leafOfMine = `for leaf in /sys/fs/cgroup/unified /sys/fs/cgroup; do
	leaf=$leaf$(sed -n s/^0:://p /proc/self/cgroup)
	[ ! -e "$leaf/cgroup.procs" ] || break
done
`

// What a run has done to its leaf does not keep the next one from running.
func TestGroupsSpoilt(t *testing.T) {
	needGroups(t)
	for name, c := range map[string]struct {
		spoil       string
		controllers bool // are needed for it
		root        bool
		fails       bool
	}{
		"killed":      {spoil: `echo 1 > $leaf/cgroup.kill; sleep 1000`, fails: true},
		"controllers": {spoil: `mkdir $leaf/x && echo $$ > $leaf/x/cgroup.procs && echo +pids > $leaf/cgroup.subtree_control`, controllers: true},
		"frozen":      {spoil: `mkdir $leaf/../p-elsewhere && echo $$ > $leaf/../p-elsewhere/cgroup.procs && echo 1 > $leaf/cgroup.freeze`, root: true},
	} {
		t.Run(name, func(t *testing.T) {
			if u := groupsPlace(t); u.Unified == "" || c.controllers && u.Mode != cgroup.V2 {
				t.Skip(needs.Prefix + "a unified hierarchy with what it takes")
			}
			if c.controllers {
				needGroups(t, "pids")
			}
			if c.root {
				needs.Root(t)
			}
			a := sh("a", leafOfMine+`[ $DEWAR_RUN -gt 0 ] || { `+c.spoil+`; exit; }; touch ran`)
			a.Daemon, a.MaxFailures, a.MinDuration = true, 3, task.Duration(time.Millisecond)
			a.Cmdline += "; sleep 1000"
			w := newWorld(t, tasks(a))
			w.start()
			first := w.ended(task.RunID{Process: "a", Run: 0})
			if failed := first.State == machine.RunFailed; failed != c.fails {
				t.Errorf("the first run: %+v", first)
			}
			w.until("the second runs", func() bool { return fileExists(w.sandbox("ran")) })
			if second := w.last("a"); second.Run != 1 {
				t.Errorf("it took until %+v", second)
			}
			w.ask("/v1/kill", `{"grace":0}`, 200)
			w.finished()
			w.noGroups()
		})
	}
}

// groupsPlace is where some task of ours would have its groups.
func groupsPlace(t *testing.T) cgroup.Place {
	t.Helper()
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	place, err := host.Place(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return place
}
