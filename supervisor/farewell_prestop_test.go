package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

const politeWeb = `trap 'echo "TERM: $(cat .dewar-stop-reason)" >> told; exit 0' TERM; touch "up$DEWAR_RUN"; while :; do sleep 0.01; done`

func TestPreStop(t *testing.T) {
	const restarted = "TERM: web is restarted, as somebody asked\n"
	for name, c := range map[string]struct {
		preStop task.PreStop
		told    string
		end     string // of the first run
		failure string
	}{
		"done": {task.PreStop{Cmdline: `echo "bye $DEWAR_PROCESS/$DEWAR_RUN: $DEWAR_STOP_REASON" >> told`, Timeout: long},
			"bye web/0: web is restarted, as somebody asked\n" + restarted, "web/0 KILLED 0 0 ", ""},
		"without a shell": {task.PreStop{Argv: []string{"/bin/sh", "-c", `test -e up0 && echo "at $PWD" >> "$HOME/told"`}, Timeout: long},
			"at SANDBOX\n" + restarted, "web/0 KILLED 0 0 ", ""},
		"fails":           {task.PreStop{Cmdline: `echo bye >> told; exit 3`, Timeout: long}, "bye\n" + restarted, "web/0 KILLED 0 0 ", "exit status 3"},
		"cannot be begun": {task.PreStop{Argv: []string{"/nosuch/program"}, Timeout: long}, restarted, "web/0 KILLED 0 0 ", "nosuch"},
		"hangs":           {task.PreStop{Cmdline: `echo bye >> told; exec -a HANGS sleep 1000`, Timeout: 3e9}, "bye\n" + restarted, "web/0 KILLED 0 0 ", "did not end within"},
		"ends the run":    {task.PreStop{Cmdline: `echo bye >> told; kill -KILL $DEWAR_PID; exec -a HANGS sleep 1000`, Timeout: long}, "bye\n", "web/0 KILLED -1 9 ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := sh("web", politeWeb)
			p.PreStop = &c.preStop
			spec := tasks(p)
			spec.FinalizationWait = 2 * long
			w := newWorld(t, spec)
			w.start()
			w.until("it is up", func() bool { _, err := os.Stat(w.sandbox("up0")); return err == nil })
			w.untilStarted("web")
			w.ask(control.PathRestart, `{"process":"web"}`, 200)
			w.until("the second run is up", func() bool { _, err := os.Stat(w.sandbox("up1")); return err == nil })
			if diff := cmp.Diff(strings.ReplaceAll(c.told, "SANDBOX", w.dir.Sandbox()), w.text("told")); diff != "" {
				t.Errorf("it was told (-want +got):\n%s", diff)
			}
			if pids := w.withArgument("HANGS"); len(pids) > 0 {
				t.Errorf("the pre_stop lives on: %v", pids)
			}
			w.ask(control.PathKill, `{"grace":0}`, 200)
			s := w.finished()
			if got := runs(s); len(got) != 2 || got[0] != c.end || s.Processes[0].Failures != 0 {
				t.Errorf("%q, %d failures; want %q", got, s.Processes[0].Failures, c.end)
			}
			first := s.Processes[0].History[0]
			if first.PreStop == nil || (c.failure == "") != (first.PreStop.Failure == "") || !strings.Contains(first.PreStop.Failure, c.failure) {
				t.Errorf("what came of it: %+v, want %q", first.PreStop, c.failure)
			}
			if second := s.Processes[0].History[1]; second.PreStop != nil || strings.Count(w.text("told"), "bye") > 1 {
				t.Errorf("a kill with no grace has a pre_stop: %+v, told %q", second.PreStop, w.text("told"))
			}
		})
	}
}

// A pre_stop that is a request: to the server that is to stop, once.
func TestPreStopByRequest(t *testing.T) {
	for name, c := range map[string]struct {
		manner, host, told, failure string
		timeout                     task.Duration
	}{
		"heard":         {"ok", "", "POST /drain\n", "", long},
		"by its number": {"ok", "127.0.0.1", "POST /drain\n", "", long},
		"refused":       {"404", "", "POST /drain\n", "it answered 404", long},
		"hangs":         {"hang", "", "POST /drain\n", "time", 3e9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, addr := server(t, c.manner, 0)
			port := spec.Lifecycle.HTTP.Port
			spec.Lifecycle = nil
			spec.Processes[0].PreStop = &task.PreStop{Timeout: c.timeout, HTTP: &task.HTTPCheck{Host: c.host, Port: port, Endpoint: "/drain", Method: "POST"}}
			w := newWorld(t, spec)
			w.start()
			w.untilServes(addr)
			w.untilStarted("web")
			w.ask(control.PathKill, `{"reason":"enough"}`, 200)
			s := w.finished()
			if diff := cmp.Diff(c.told+killed, w.text("told")); diff != "" {
				t.Errorf("it was told (-want +got):\n%s", diff)
			}
			if p := s.Processes[0].Last().PreStop; p == nil || (p.Failure == "") != (c.failure == "") || !strings.Contains(p.Failure, c.failure) {
				t.Errorf("what came of it: %+v, want %q", p, c.failure)
			}
		})
	}
}

// A check that restarts its process is the reason that this is told, before the
// signal and by the file.
func TestPreStopForHealth(t *testing.T) {
	t.Parallel()
	p := sh("web", politeWeb)
	p.PreStop = &task.PreStop{Cmdline: `echo "bye: $DEWAR_STOP_REASON" >> told`, Timeout: task.Duration(10 * time.Second)}
	p.MaxFailures = 3
	check := task.DefaultCheck()
	check.Name, check.Role, check.Action, check.Shell = "live", task.Liveness, task.Restart, `if [ -e up0 ] && [ "$DEWAR_RUN" = 0 ]; then exit 9; fi`
	check.Interval, check.Timeout, check.InitialInterval = 50e6, 40e9, 0
	p.Checks = []task.Check{check}
	w := newWorld(t, tasks(p))
	w.start()
	w.until("the second run is up", func() bool { _, err := os.Stat(w.sandbox("up1")); return err == nil })
	const reason = "web is restarted: check web/live is unhealthy: it failed, and no failure is borne; the last time: exit status 9\n"
	if diff := cmp.Diff("bye: "+reason+"TERM: "+reason, w.text("told")); diff != "" {
		t.Errorf("it was told (-want +got):\n%s", diff)
	}
	w.ask(control.PathKill, `{"grace":0}`, 200)
	s := w.finished()
	first := s.Processes[0].History[0]
	if s.Processes[0].Failures != 1 || first.State != machine.RunFailed || !strings.HasPrefix(first.Reason, "check web/live is unhealthy") {
		t.Errorf("%d failures, the first run is %s: %s", s.Processes[0].Failures, first.State, first.Reason)
	}
}

// withArgument are the processes in the task's sandbox with that argument.
func (w *world) withArgument(arg string) (pids []string) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		w.Fatal(err)
	}
	for _, file := range files {
		args, err := os.ReadFile(file)
		if cwd, linkErr := os.Readlink(filepath.Dir(file) + "/cwd"); err != nil || linkErr != nil || cwd != w.dir.Sandbox() {
			continue
		}
		if strings.HasPrefix(string(args), arg+"\x00") {
			pids = append(pids, file)
		}
	}
	return pids
}
