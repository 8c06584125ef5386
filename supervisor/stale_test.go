package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// talk is a log that bears only so many lines.
type talk struct {
	testing.TB
	left int
}

func (l *talk) Write(line []byte) (int, error) {
	if l.left--; l.left < 0 {
		l.Fatalf("it says more and more: %s", line)
	}
	return len(line), nil
}

// Where a run's status can never be read there is an end to looking for more.
func TestStaleRunsAreFinite(t *testing.T) {
	dir := task.Dir(t.TempDir())
	b := &brain{Config: Config{Dir: dir, Log: &talk{t, 10}}}
	b.launch.Task = tasks(sh("file", "true"), sh("loop", "true"), sh("garbled", "true"), sh("none", "true"))
	b.machine = machine.New(b.launch.Task)
	garbled := task.RunID{Process: "garbled"}
	if err := os.MkdirAll(dir.Run(garbled), 0o711); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{filepath.Join(dir.Runs(), "file"): "", dir.Status(garbled): "garbage"} {
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("loop", filepath.Join(dir.Runs(), "loop")); err != nil {
		t.Fatal(err)
	}
	gone := b.findStale(nil)
	if len(gone) != 1 || gone[0].RunID != garbled || len(b.stale) != 1 {
		t.Errorf("stale are %v (%+v), want %s", b.stale, gone, garbled)
	}
}
