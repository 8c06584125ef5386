package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// cold is how long nobody moves between groups before a cold start: the
// kernel's lock for that is then at rest, and whoever takes it waits for a grace
// period of RCU. (Caches are colder, too, of the start without a group as well.)
const cold = 100 * time.Millisecond

// startInGroup measures, of a shim's runs in turn with and without a group, how
// much longer the former take: from before the group is made until the command
// is executed.
func startInGroup(v *viewer) (rows []Row, err error) {
	k, err := v.keep()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k.end()) }()
	tree, err := v.tree()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, raze(tree)) }()
	rows = newRows("ms", "cold", "warm", "without, cold", "without, warm")
	for i, way := range []struct {
		pause time.Duration
		times int
	}{{cold, 3 * v.times}, {0, 10 * v.times}} {
		for n := range way.times + 1 {
			var ms [2]float64
			for at := range ms {
				time.Sleep(way.pause)
				grouped := (at + n) % 2
				if ms[grouped], err = k.start(v, tree, grouped == 1); err != nil {
					return nil, err
				}
			}
			if n > 0 { // whoever is first meets cold caches
				rows[i].Values = append(rows[i].Values, ms[1]-ms[0])
				rows[2+i].Values = append(rows[2+i].Values, ms[0])
			}
		}
	}
	return rows, nil
}

// keeper is a shim with us as its brain.
type keeper struct {
	dir  task.Dir
	cmd  *exec.Cmd
	conn *client.Conn
	idle int // pid of the program that it keeps in our place
	runs int
}

func (v *viewer) keep() (*keeper, error) {
	k := &keeper{dir: task.Dir(filepath.Join(v.place, "task"))}
	if err := os.MkdirAll(k.dir.Sandbox(), 0o755); err != nil {
		return nil, err
	}
	k.cmd = exec.Command(filepath.Join(v.bin, "dewar-shim"), string(k.dir), "--", "/bin/sleep", "3600")
	k.cmd.Env = shim.Tuned(os.Environ())
	k.cmd.Stderr = os.Stderr
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	var last error
	err := await("the shim listens", time.Minute, func() bool {
		var g client.Greeting
		k.conn, g, last = client.Dial(k.dir)
		k.idle = g.BrainPid
		return last == nil && k.idle != 0
	})
	if err != nil {
		return nil, errors.Join(err, last, k.cmd.Process.Kill(), k.cmd.Wait())
	}
	return k, nil
}

// end kills the shim, and then what it keeps, so that it does not start another.
func (k *keeper) end() error {
	err := errors.Join(k.conn.Close(), k.cmd.Process.Kill())
	if killed := k.cmd.Wait(); k.cmd.ProcessState == nil {
		err = errors.Join(err, killed)
	}
	return errors.Join(err, unix.Kill(k.idle, unix.SIGKILL))
}

// start starts a run, and answers how long that took. It returns when nothing is
// left of it.
func (k *keeper) start(v *viewer, tree *cgroup.Tree, grouped bool) (ms float64, err error) {
	k.runs++
	id := task.RunID{Process: "p" + strconv.Itoa(k.runs)}
	spec := shim.Spec{
		Args: []string{"/bin/sleep", "3600"}, Env: []string{"PATH=/usr/bin:/bin", "DEWAR_TASK_ID=bench"}, Cwd: k.dir.Sandbox(),
		UID: os.Getuid(), GID: os.Getgid(), User: "us", Umask: 0o022, LogDir: id.LogDir(), Dest: "file", Mode: "standard",
	}
	begun := time.Now()
	var leaf cgroup.Group
	if grouped {
		if leaf, err = v.leaf(tree, id.Process, usual); err != nil {
			return 0, err
		}
		spec.Group, spec.Joins = leaf.Entry()
	}
	if err := client.WriteSpec(k.dir, id, spec); err != nil {
		return 0, err
	}
	if err := k.conn.Spawn(id); err != nil {
		return 0, err
	}
	if err := k.hear(shim.BellStarted, id); err != nil {
		return 0, err
	}
	ms = float64(time.Since(begun)) / 1e6
	return ms, errors.Join(k.conn.Kill(id), k.hear(shim.BellEnded, id), k.conn.Seen(id))
}

func (k *keeper) hear(kind string, id task.RunID) error {
	late := time.After(time.Minute)
	for {
		select {
		case bell, ok := <-k.conn.Bells():
			if !ok {
				return k.conn.Err()
			}
			if bell == (client.Bell{Kind: kind, RunID: id}) {
				return nil
			}
		case <-late:
			return fmt.Errorf("%s has not %s after a minute", id, kind)
		}
	}
}
