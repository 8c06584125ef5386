package supervisor

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"golang.org/x/sys/unix"
)

// ask makes a request of the brain, and insists on the status of its answer. A
// brain that is not there yet is waited for.
func (w *world) ask(path, body string, want int) string {
	w.Helper()
	var request any
	if body != "" {
		request = json.RawMessage(body)
	}
	var answer json.RawMessage
	var err error
	w.until("a brain answers", func() bool {
		err = control.Do(w.Context(), w.dir, path, request, &answer)
		return !errors.Is(err, control.ErrNoBrain)
	})
	code := 200
	var refused *control.Refused
	if errors.As(err, &refused) {
		code, answer = refused.Code, json.RawMessage(refused.Reason)
	} else if err != nil {
		w.Fatal(err)
	}
	if code != want {
		w.Fatalf("%s %s: %d %s, want %d", path, body, code, answer, want)
	}
	return string(answer)
}

func pause(t testing.TB, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func (w *world) untilStarted(process string) {
	w.Helper()
	w.untilRecord(process+" is started", func(r machine.Record) bool { s, ok := r.(machine.Started); return ok && s.Process == process })
}

func TestKill(t *testing.T) {
	const polite = `trap 'echo polite >> "$HOME/told"; exit 0' TERM; touch "$HOME/up"; while :; do sleep 0.01; done`
	const stubborn = `trap '' TERM; touch "$HOME/up"; while :; do sleep 0.01; done`
	for name, c := range map[string]struct {
		cmdline, request string
		told             string
		end              string
		atMost           time.Duration
		state            machine.TaskState
	}{
		"polite":           {polite, `{"grace":"30s","reason":"enough"}`, "polite\n", "web/0 KILLED 0 0 ", 20 * time.Second, machine.Killed},
		"lost":             {polite, `{"grace":"30s","lose":true}`, "polite\n", "web/0 KILLED 0 0 ", 20 * time.Second, machine.Lost},
		"stubborn":         {stubborn, `{}`, "", "web/0 KILLED -1 9 ", 20 * time.Second, machine.Killed},
		"stubborn, budget": {stubborn, `{"grace":"300ms"}`, "", "web/0 KILLED -1 9 ", 20 * time.Second, machine.Killed},
		"now":              {polite, `{"grace":0}`, "", "web/0 KILLED -1 9 ", 20 * time.Second, machine.Killed},
	} {
		t.Run(name, func(t *testing.T) {
			p := sh("web", c.cmdline)
			if name == "stubborn" {
				p.StopTimeout = 300e6
			}
			w := newWorld(t, tasks(p))
			w.start()
			w.until("it is up", func() bool { _, err := os.Stat(w.sandbox("up")); return err == nil })
			begun := time.Now()
			w.ask(control.PathKill, c.request, 200)
			s := w.finished()
			if took := time.Since(begun); took > c.atMost {
				t.Errorf("the kill took %v", took)
			}
			if got := runs(s); len(got) != 1 || got[0] != c.end || w.text("told") != c.told || s.State != c.state {
				t.Errorf("%q, told %q, task %s; want %q, %q, %s", got, w.text("told"), s.State, c.end, c.told, c.state)
			}
			if strings.Contains(c.request, "enough") && !strings.Contains(s.Kill.Reason, "enough") {
				t.Errorf("the reason is lost: %+v", s.Kill)
			}
		})
	}
}

// A signal that was delivered is not sent again by the next brain.
func TestStopSignalIsSentOnce(t *testing.T) {
	p := sh("web", `trap 'echo told >> "$HOME/told"' TERM; touch "$HOME/up"; until [ -e "$HOME/go" ]; do sleep 0.01; done`)
	w := newWorld(t, tasks(p))
	w.start()
	w.until("it is up", func() bool { _, err := os.Stat(w.sandbox("up")); return err == nil })
	w.ask(control.PathKill, `{"grace":"50s"}`, 200)
	w.until("it is told", func() bool { return w.text("told") != "" })
	for range 3 {
		w.kill9(w.dir.Lock())
		w.ask(control.PathStatus, "", 200)
	}
	w.write(w.sandbox("go"), "")
	w.finished()
	if got := w.text("told"); got != "told\n" {
		t.Errorf("it was told: %q", got)
	}
}

// The wish to end the task stands in a file; nobody else has to be told.
func TestShutdownFile(t *testing.T) {
	for name, before := range map[string]bool{"before the start": true, "with a bell": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tasks(sh("web", `exec sleep 1000`)))
			wish := shim.AppendField(shim.AppendField(shim.AppendField(nil, "grace", "20"), "by", "somebody"), "reason", "enough")
			if before {
				w.write(w.dir.Shutdown(), string(wish))
			}
			w.start()
			if !before {
				w.untilStarted("web")
				w.write(w.dir.Shutdown(), string(wish))
				if err := unix.Kill(w.holder(w.dir.ShimLock()), unix.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			s := w.finished()
			if s.State != machine.Killed || s.Kill == nil || s.Kill.By != "somebody" || s.Kill.Reason != "enough" {
				t.Errorf("the task ended as %s, %+v", s.State, s.Kill)
			}
		})
	}
}

func TestOneProcess(t *testing.T) {
	p := sh("web", `trap 'echo hup >> "$HOME/hup"' HUP; touch "$HOME/up$DEWAR_RUN"; while :; do sleep 0.01; done`)
	w := newWorld(t, tasks(p, sh("other", "exec sleep 1000")))
	w.start()
	up := func(run string) {
		t.Helper()
		w.until("run "+run+" is up", func() bool { _, err := os.Stat(w.sandbox("up" + run)); return err == nil })
	}
	up("0")
	w.ask(control.PathSignal, `{"process":"web","signal":"HUP"}`, 200)
	w.until("HUP has come", func() bool { return w.text("hup") == "hup\n" })
	w.ask(control.PathRestart, `{"process":"web"}`, 200)
	up("1")
	w.ask(control.PathStop, `{"process":"web"}`, 200)
	w.untilRecord("it is stopped", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.Run == 1 })
	w.ask(control.PathSignal, `{"process":"web","signal":"HUP"}`, 409)
	w.ask(control.PathStart, `{"process":"web"}`, 200)
	up("2")
	for body, path := range map[string]string{
		`{"process":"nosuch"}`:                control.PathRestart,
		`{"process":"nosuch","signal":"HUP"}`: control.PathSignal,
	} {
		w.ask(path, body, 409)
	}
	w.ask(control.PathSignal, `{"process":"web","signal":"NOSUCH"}`, 400)
	w.ask(control.PathKill, `{"grace":"-1s"}`, 400)
	w.ask(control.PathKill, `[]`, 400)
	w.ask("/v1/nosuch", "", 404)
	var status control.Status
	if err := json.Unmarshal([]byte(w.ask(control.PathStatus, "", 200)), &status); err != nil {
		t.Fatal(err)
	}
	if status.State == nil || status.State.State != machine.Active || status.Pid != w.holder(w.dir.Lock()) {
		t.Errorf("status: %+v", status)
	}
	w.ask(control.PathKill, `{"grace":0}`, 200)
	s := w.finished()
	for _, p := range s.Processes {
		if p.Failures != 0 {
			t.Errorf("%s: %d failures", p.Name, p.Failures)
		}
	}
}

// A brain that always panics ends nothing, and the next one goes on.
func TestAlwaysPanickingBrain(t *testing.T) {
	ill := t.TempDir() + "/ill"
	w := newWorld(t, tasks(sh("web", `touch "$HOME/up"; until [ -e "$HOME/go" ]; do sleep 0.01; done; exit 5`)), "PANIC="+ill, "DEWAR_BRAIN_RETRY=0s,200ms")
	w.start()
	w.untilStarted("web")
	w.write(ill, "")
	w.kill9(w.dir.Lock())
	w.until("the shim says that no brain works", func() bool { _, err := os.Stat(w.dir.BrainFailing()); return err == nil })
	w.write(w.sandbox("go"), "")
	if err := os.Remove(ill); err != nil {
		t.Fatal(err)
	}
	s := w.finished()
	if got := runs(s); len(got) != 1 || got[0] != "web/0 FAILED 5 0 " {
		t.Errorf("%q", got)
	}
}
