package shim_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// silent makes the wish to end a task whose brain has said hello and is stopped
// now, and returns that brain's pid.
func (r *rig) silent() int {
	r.t.Helper()
	if err := r.conn.Hello("test"); err != nil {
		r.t.Fatal(err)
	}
	g, err := r.conn.List()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := syscall.Kill(g.BrainPid, syscall.SIGSTOP); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	return g.BrainPid
}

// hungUp waits for the end of the connection.
func (r *rig) hungUp() {
	r.t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, ok := <-r.conn.Bells():
			if !ok {
				r.conn.Close()
				r.conn = nil
				return
			}
		case <-late:
			r.t.Fatal("the connection to the silent brain does not end")
		}
	}
}

// TestSilentBrainIsReplaced: a wish to end, and a brain that is stopped. The
// next one hears of the wish, and is trusted.
func TestSilentBrainIsReplaced(t *testing.T) {
	r := start(t, withEnv("DEWAR_SHUTDOWN_PATIENCE=500ms"))
	id := r.spawn("p", "sleep 1000")
	r.hear(shim.BellStarted, id)
	stopped := r.silent()
	r.hungUp()
	r.connect()
	if err := r.conn.Hello("test"); err != nil {
		t.Fatal(err)
	}
	r.hear(shim.BellShutdown, task.RunID{})
	until(t, "another brain lives in the place of the one that was stopped", func() bool {
		g, err := r.conn.List()
		if err != nil {
			t.Fatal(err)
		}
		return !alive(stopped) && g.BrainPid != 0 && g.BrainPid != stopped
	})
	// Longer than the shim's patience.
	if s := r.ended(r.spawn("q", "sleep 1.2; exit 5")); s.Exit != 5 {
		t.Errorf("status %+v", s)
	}
	if s := r.status(id); s.State != shim.Running {
		t.Errorf("status %+v", s)
	}
}

// TestSilentBrainsCostNoTask: when the next brain is silent, too, the shim ends
// the processes.
func TestSilentBrainsCostNoTask(t *testing.T) {
	r := start(t, withEnv("DEWAR_SHUTDOWN_PATIENCE=200ms"))
	id := r.spawn("p", "sleep 1000")
	r.hear(shim.BellStarted, id)
	r.silent()
	if code := r.waitExit(); code != shim.ExitDone {
		t.Errorf("exit code %d", code)
	}
	if s := r.status(id); s.State != shim.Ended || s.Signal != int(syscall.SIGTERM) {
		t.Errorf("status %+v", s)
	}
}

// TestWishIsRepeated: a brain that has answered one wish and hangs later must
// answer the next.
func TestWishIsRepeated(t *testing.T) {
	r := start(t, withEnv("DEWAR_SHUTDOWN_PATIENCE=200ms"))
	if err := r.conn.Hello("test"); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.hear(shim.BellShutdown, task.RunID{})
	r.silent()
	if code := r.waitExit(); code != shim.ExitDone {
		t.Errorf("exit code %d", code)
	}
}
