package supervisor

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// TestCommandBehindWalls: a check sees what the process sees, and stands in a
// group of its own.
func TestCommandBehindWalls(t *testing.T) {
	spec := tasks(sh("web", "echo here > /tmp/mark; echo up > up; exec sleep 1000"))
	spec.User = "nobody"
	w := newWalledWorld(t, func(i *task.Isolation) {
		i.PID, i.Tmp, i.UTS, i.Hostname, i.Network = task.Private, task.Private, task.Private, "inside", "none"
	}, spec)
	w.start()
	w.until("it is up", func() bool { return w.text("up") != "" })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := command.Open(ctx, w.dir, w.tree(), filepath.Join(programs, container.Program))
	if err != nil {
		t.Fatal(err)
	}
	id := task.RunID{Process: "web"}
	walls, err := container.Read(w.dir.Run(id))
	if err != nil {
		t.Fatal(err)
	}
	place := command.Place{Run: w.dir.Run(id), Main: 1, Spec: shim.Spec{
		Env: walls.Env, Cwd: walls.Cwd, UID: walls.UID, GID: walls.GID, Groups: walls.Groups, Umask: int(walls.Umask), User: "nobody",
	}}
	run := func(name string, argv ...string) command.Result {
		return r.Run(command.Command{Place: place, Name: name, Argv: argv, Env: []string{"DEWAR_STOP_REASON=no reason at all"}}, time.Now().Add(patience))
	}
	got := run("look", "/bin/bash", "-c", `hostname; id -un; cat /tmp/mark; pwd; grep -c : /proc/net/dev; echo $DEWAR_PROCESS $DEWAR_STOP_REASON; tr '\0' ' ' </proc/$DEWAR_PID/cmdline; echo; [ $(ls -d /proc/[0-9]* | wc -l) -lt 10 ] && echo few; grep -c /checks/p-look /proc/self/cgroup`)
	lines := strings.Split(strings.TrimSpace(string(got.Output)), "\n")
	want := []string{"inside", "nobody", "here", w.dir.Sandbox(), "1", "web no reason at all", "sleep 1000 ", "few"}
	if !got.OK() || len(lines) != len(want)+1 || strings.Join(lines[:len(want)], "|") != strings.Join(want, "|") || lines[len(want)] == "0" {
		t.Errorf("%q\nnot %q; %+v", lines, want, got)
	}
	if got := run("none", "no-such-program"); !got.Gone || !strings.Contains(got.Why, `execute "no-such-program"`) {
		t.Errorf("%+v", got)
	}
	if got := run("status", "/bin/sh", "-c", "exit 111"); got.Exit != 111 || got.Why != "" {
		t.Errorf("%+v", got)
	}
	asker := r.Asker(command.Command{Place: place, Name: "late", Shell: "sleep 1001 & sleep 1001"})
	if a := asker.Ask(time.Now().Add(time.Second)); !strings.HasPrefix(a.Reason, "it did not end within 1s") {
		t.Errorf("%+v", a)
	}
	if err := asker.Close(); err != nil {
		t.Error(err)
	}
	w.until("what was late is gone", func() bool { return len(withWord("sleep\x001001")) == 0 })
	w.ask("/v1/kill", `{"grace":1}`, 200)
	w.finished()
	if got := run("over", "/bin/true"); !got.Ours || got.Gone {
		t.Errorf("after the end: %+v", got)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	w.removeGroups()
	w.nothingLeft("")
}
