package shim_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// talker lets a run of the task call ./say, and gives it a notify socket.
func (r *rig) talker() func(*shim.Spec) {
	r.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(r.dir.Sandbox(), "say")); err != nil {
		r.t.Fatal(err)
	}
	return func(s *shim.Spec) { s.Notify = true }
}

// TestNotifyDirectoryIsLost: somebody removes it, and the next run has its
// socket all the same.
func TestNotifyDirectoryIsLost(t *testing.T) {
	r := start(t)
	notify := r.talker()
	id := r.spawn("early", "echo $NOTIFY_SOCKET; ./say READY=1; sleep 1000", notify)
	r.hear(shim.BellReady, id)
	lost := filepath.Dir(strings.TrimSpace(r.log(id, "stdout")))
	if filepath.Base(filepath.Dir(lost)) != "dewar" && !strings.HasPrefix(lost, "/tmp/dewar-") {
		t.Fatalf("the socket is in %q", lost)
	}
	if err := os.RemoveAll(lost); err != nil {
		t.Fatal(err)
	}
	if s := r.ended(r.spawn("late", "./say READY=1", notify)); !s.Ready || s.Exit != 0 {
		t.Errorf("%+v", s)
	}
	if s := r.status(id); s.State != shim.Running {
		t.Errorf("%+v", s)
	}
}

// occupy puts files where the shim would have its notify directories.
func occupy(t *testing.T, dir string) {
	t.Helper()
	for _, place := range shim.NotifyPlaces(dir, os.Getuid(), os.Getenv("XDG_RUNTIME_DIR")) {
		if err := os.MkdirAll(filepath.Dir(place), 0o711); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(place) }) // burying has removed it, most likely
	}
}

// TestNotifyPlacesAreTaken: the last one has a name that nobody can know.
func TestNotifyPlacesAreTaken(t *testing.T) {
	dir := newDir(t)
	occupy(t, string(dir))
	r := startIn(t, dir)
	id := r.spawn("p", "echo $NOTIFY_SOCKET; ./say READY=1; sleep 1000", r.talker())
	r.hear(shim.BellReady, id)
	place := filepath.Dir(strings.TrimSpace(r.log(id, "stdout")))
	if !strings.HasPrefix(place, shim.NotifyLastResort(string(dir))) {
		t.Fatalf("the socket is in %q", place)
	}
	if info, err := os.Stat(place); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("%v, %v", info, err)
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.cmd.Wait()
	r.bury()
	if exists(place) {
		t.Errorf("%s is left after the shim's death", place)
	}
}

// withScript lets a shell prepare what the shim lives in, in a mount namespace
// of its own.
func withScript(script string) option {
	return func(c *exec.Cmd) {
		c.Args = append([]string{"unshare", "-m", "/bin/bash", "-ec", script + "\nexec -a dewar-shim \"$0\" \"$@\"", c.Path}, c.Args[1:]...)
		c.Path = "/usr/bin/unshare"
	}
}

// TestNoNotifySocket: where none can be made, the run starts without.
func TestNoNotifySocket(t *testing.T) {
	needs.Root(t)
	dir := newDir(t)
	occupy(t, string(dir))
	r := startIn(t, dir, withScript("mount --bind /tmp /tmp; mount --bind "+string(dir)+" "+string(dir)+
		"; mount -o remount,ro,bind /tmp; cd "+string(dir)))
	for _, name := range []string{"p", "q"} {
		id := r.spawn(name, "echo socket=$NOTIFY_SOCKET; exit 5", func(s *shim.Spec) { s.Notify = true })
		if s := r.ended(id); s.Exit != 5 || s.Ready {
			t.Errorf("%+v", s)
		}
		if got := r.log(id, "stdout"); got != "socket=\n" {
			t.Errorf("it said %q", got)
		}
	}
	said, err := os.ReadFile(dir.Console())
	if err != nil || strings.Count(string(said), "without a notify socket") != 1 {
		t.Errorf("it was said: %q, %v", said, err)
	}
}

// TestReadyBehindALongStatus is heard.
func TestReadyBehindALongStatus(t *testing.T) {
	r := start(t)
	id := r.spawn("p", "./say STATUS=$(printf %07000d 0) READY=1; sleep 1000", r.talker())
	r.hear(shim.BellReady, id)
}

// TestWatchdog: each word of a run is on record with its time, whether or not
// anybody listens, and rings no bell.
func TestWatchdog(t *testing.T) {
	r := start(t)
	before := shim.BootTime()
	id := r.spawn("p", "./say WATCHDOG=1 READY=1; read x < go; ./say STATUS=fine WATCHDOG=1; ./say READY=1; sleep 1000", func(s *shim.Spec) {
		r.talker()(s)
		if err := syscall.Mkfifo(filepath.Join(r.dir.Sandbox(), "go"), 0o666); err != nil {
			t.Fatal(err)
		}
	})
	r.hear(shim.BellReady, id)
	first := r.fed(id, 0)
	if first < before || first > shim.BootTime() {
		t.Errorf("%d is not between %d and now", first, before)
	}
	if err := os.WriteFile(filepath.Join(r.dir.Sandbox(), "go"), []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	if second := r.fed(id, first); second <= first || second > shim.BootTime() {
		t.Errorf("%d after %d", second, first)
	}
	info, err := os.Stat(filepath.Join(r.dir.Run(id), shim.WatchdogName))
	if err != nil || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("%v, %v", info, err)
	}
}

// fed is when a run last said WATCHDOG=1, later than after.
func (r *rig) fed(id task.RunID, after int64) int64 {
	r.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		at, err := shim.ReadWatchdog(r.dir.Run(id))
		if err != nil {
			r.t.Fatal(err)
		}
		if at > after {
			return at
		}
		if time.Now().After(end) {
			r.t.Fatalf("nothing is heard of %s after %d", id, after)
		}
	}
}
