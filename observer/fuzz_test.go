package observer

import (
	"os"
	"testing"

	"github.com/dewarhq/dewar/task"
)

// FuzzRead puts anything into a task's files. Read does not panic, and says of
// a task.json that it cannot use that it cannot.
func FuzzRead(f *testing.F) {
	w := write(f, f.TempDir(), "some-1", task.Process{Name: "a"}).begin()
	w.start(run("a", 0))
	taskJSON, err1 := os.ReadFile(w.dir.TaskJSON())
	whole, err2 := os.ReadFile(w.dir.Journal())
	if err1 != nil || err2 != nil {
		f.Fatal(err1, err2)
	}
	failing := fields("version", "1", "exit", "2", "count", "3", "wall", "5", "next", "6", "stderr", "no\n", "end", "1")
	wish := fields("grace", "1.5", "by", "me", "reason", "enough", "wall", "7")
	f.Add(taskJSON, whole, failing, wish)
	f.Add([]byte("{}"), whole[3:], []byte("x"), []byte{0})
	f.Add(taskJSON[:40], []byte(nil), failing[:9], wish[:3])
	f.Fuzz(func(t *testing.T, taskJSON, journal, failing, wish []byte) {
		w.t = t
		w.file(w.dir.TaskJSON(), taskJSON)
		w.file(w.dir.Journal(), journal)
		w.file(w.dir.BrainFailing(), failing)
		w.file(w.dir.Shutdown(), wish)
		v := mustRead(t, w.dir)
		if v.Launch == nil && v.Quarantine == nil && !(v.Over() && len(v.Problems) > 0) {
			t.Error("there is no task, and nothing is said")
		}
		if v.Condition() == "" {
			t.Error("the condition is empty")
		}
		v.Why(Now(), "a")
		v.Statuses()
		for _, err := range Records(w.dir) {
			if err != nil && err.Error() == "" {
				t.Error("an empty error")
			}
		}
	})
}
