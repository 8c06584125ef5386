package supervisor

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/task"
)

// Whoever wakes a task changes nothing of what its processes see: that is as it
// was at the launch. Only a launch that does not say leaves it to the brain.
func TestSurroundingsAreTheLaunchs(t *testing.T) {
	for name, c := range map[string]struct {
		launch func(*task.Launch)
		want   string
	}{
		"launched":      {func(l *task.Launch) { l.Path, l.Lang = "/usr/bin:/bin", "C.UTF-8" }, "/usr/bin:/bin C.UTF-8 none"},
		"by an old one": {func(*task.Launch) {}, "/bin:/usr/bin C Asia/Tokyo"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tasks(sh("web", `echo "$PATH ${LANG-none} ${TZ-none}" > "$HOME/said"`)),
				"DEWAR_PATH=/bin:/usr/bin", "LANG=C", "TZ=Asia/Tokyo")
			data, err := os.ReadFile(w.dir.TaskJSON())
			if err != nil {
				t.Fatal(err)
			}
			launch, err := task.ReadLaunch(data)
			if err != nil {
				t.Fatal(err)
			}
			c.launch(&launch)
			if data, err = launch.Encode(); err != nil {
				t.Fatal(err)
			}
			w.write(w.dir.TaskJSON(), string(data))
			w.brain = executor()
			w.start()
			w.finished()
			if got := strings.TrimSpace(w.text("said")); got != c.want {
				t.Errorf("a process sees %q, want %q", got, c.want)
			}
		})
	}
}

// TestWatchdogInEnvironment: who is asked for WATCHDOG=1 learns how often; what
// his file says himself stands.
func TestWatchdogInEnvironment(t *testing.T) {
	p := sh("a", "env > env")
	p.Checks = []task.Check{{Notify: &task.NotifyCheck{MaxAge: task.Duration(1500 * time.Millisecond)}}}
	if got := withWatchdog(&p)["WATCHDOG_USEC"]; got != "1500000" {
		t.Errorf("WATCHDOG_USEC is %q", got)
	}
	if len(p.Env) != 0 {
		t.Errorf("the process' own environment is %q", p.Env)
	}
	p.Env = map[string]string{"WATCHDOG_USEC": "7"}
	if got := withWatchdog(&p)["WATCHDOG_USEC"]; got != "7" {
		t.Errorf("WATCHDOG_USEC is %q", got)
	}
	p.Checks = nil
	p.Env = nil
	if got := withWatchdog(&p); len(got) != 0 {
		t.Errorf("it has %q", got)
	}
}
