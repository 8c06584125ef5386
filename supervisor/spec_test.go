package supervisor

import (
	"os"
	"strings"
	"testing"

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
