package supervisor

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// spared are shim and brain, and what the kernel thinks of them as victims.
type spared struct{ shim, brain, shimAdj, brainAdj int }

func (w *world) spared() spared {
	w.Helper()
	s := spared{shim: w.holder(w.dir.ShimLock()), brain: w.holder(w.dir.Lock())}
	s.shimAdj, s.brainAdj = w.oomScoreAdj(s.shim), w.oomScoreAdj(s.brain)
	return s
}

func (w *world) oomScoreAdj(pid int) int {
	w.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/oom_score_adj")
	if err != nil {
		w.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// Whatever dies for want of memory, shim and brain do not; what the kernel
// thinks of them is as it was, and the payload goes first.
func TestGroupsSpareUs(t *testing.T) {
	needGroups(t, "memory")
	for _, oom := range task.OOMs {
		for _, around := range []bool{false, true} {
			name := string(oom)
			if around {
				name += ", of the surroundings"
			}
			t.Run(name, func(t *testing.T) {
				var within []string
				if around {
					within = surround(t, 96<<20)
				}
				p := sh("a", `while [ ! -e go ]; do sleep 0.01; done; rm go; `+hog)
				p.MaxFailures, p.MinDuration = 0, task.Duration(time.Millisecond)
				spec := tasks(p, sh("b", "exec sleep 1000"))
				spec.MaxFailures, spec.OOM = 0, oom
				if !around {
					spec.Resources = &task.Resources{RAM: 16 << 20}
				}
				w := newWorld(t, spec)
				w.within = within
				w.start()
				w.untilStarted("a")
				w.untilStarted("b")
				was, ours, payload := w.spared(), w.oomScoreAdj(os.Getpid()), w.oomScoreAdj(w.last("a").Pid)
				if was.shimAdj != ours || was.brainAdj != ours || payload <= ours {
					t.Errorf("oom_score_adj of shim and brain %+v, of the payload %d, ours %d", was, payload, ours)
				}
				level := machine.LevelTask
				if around {
					level = machine.LevelMachine
				}
				w.write(w.sandbox("go"), "")
				if e := w.ended(task.RunID{Process: "a", Run: 0}); e.OOM == nil || e.OOM.Limit != level || e.Signal != killNumber {
					t.Errorf("a: %+v, %+v", e, e.OOM)
				}
				if oom != task.OOMTask {
					w.begun(task.RunID{Process: "a", Run: 1})
					if is := w.spared(); is != was {
						t.Errorf("shim and brain are %+v, they were %+v", is, was)
					}
					w.ask("/v1/kill", `{"grace":0}`, 200)
				}
				w.finished()
				brains := 0
				for _, e := range w.entries() {
					if _, ok := e.Record.(machine.TakenUp); ok {
						brains++
					}
				}
				if brains != 1 {
					t.Errorf("there were %d brains", brains)
				}
				w.noGroups()
			})
		}
	}
}

// surround makes a group beneath our own that holds what enters it to some
// memory, and answers the files through which a shim enters.
func surround(t *testing.T, ram int64) (within []string) {
	t.Helper()
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	own, limit := host.Own["memory"], "memory.limit_in_bytes"
	if own == "" {
		own, limit = host.Own[""], "memory.max"
		if err := os.WriteFile(own+"/cgroup.subtree_control", []byte("+memory +pids"), 0); err != nil {
			t.Fatal(err)
		}
	}
	dir := own + "/surroundings"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, limit), []byte(strconv.FormatInt(ram, 10)), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "memory.swap.max"), []byte("0"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) && own == host.Own[""] {
		t.Fatal(err)
	}
	return []string{dir + "/cgroup.procs"}
}

// entering has a command enter groups before it is executed.
func entering(within []string, argv ...string) *exec.Cmd {
	if len(within) == 0 {
		return exec.Command(argv[0], argv[1:]...)
	}
	const enter = `while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done; shift; exec "$@"`
	return exec.Command("/bin/sh", append(append(append([]string{"-c", enter, "sh"}, within...), "--"), argv...)...)
}
