package chaos

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/test/needs"
)

// patience is how long anything may take.
var patience = func() time.Duration {
	if inGuest() {
		return 3 * time.Minute
	}
	return 40 * time.Second
}()

// inGuest says that all is emulated, and slow.
func inGuest() bool {
	switch os.Getenv("DEWAR_LANE") {
	case "", "root", "user":
		return false
	}
	return true
}

// fewer is how often to do in a guest what is done n times outside.
func fewer(n int) int {
	if inGuest() {
		return max(1, n/8)
	}
	return n
}

// host is what there is of groups here, with the tests out of their way.
var host = sync.OnceValues(func() (cgroup.Host, error) {
	h, err := cgroup.Look()
	if err != nil {
		return h, err
	}
	// A group of v2 that hands controllers down may hold no process.
	if others, err := h.Strangers(); err != nil || len(others) == 0 {
		return h, err
	}
	place, err := h.Place("the tests")
	if err == nil {
		err = cgroup.Open(place).Make(os.Getpid())
	}
	return h, err
})

// contained says whether tasks have groups here.
func contained(t testing.TB) bool {
	t.Helper()
	h, err := host()
	if err != nil {
		t.Fatal(err)
	}
	return h.Mode != cgroup.None
}

// controls says whether tasks can be limited by a controller.
func controls(t testing.TB, controller string) bool {
	t.Helper()
	h, err := host()
	if err != nil {
		t.Fatal(err)
	}
	return h.Controllers[controller].Usable
}

// needGroups skips a test where no task has groups, or not with a controller.
func needGroups(t testing.TB, controllers ...string) {
	t.Helper()
	h, err := host()
	if err != nil {
		t.Fatal(err)
	}
	if h.Mode == cgroup.None {
		t.Skip(needs.Prefix + "control groups: " + h.Why)
	}
	for _, c := range controllers {
		if !controls(t, c) {
			t.Skip(needs.Prefix + "the controller " + c + ": " + h.Controllers[c].Why)
		}
	}
}

// groups are the directories of the task's own groups, one a hierarchy.
func (w *world) groups() (dirs []string) {
	w.t.Helper()
	g, found, err := sandbox.ReadGroups(w.dir())
	if err != nil || !found || !g.Used() {
		w.t.Fatalf("the task has no groups: %+v, %v", g, err)
	}
	if g.Place.Unified != "" {
		dirs = append(dirs, g.Place.Unified)
	}
	for _, dir := range g.Place.V1 {
		dirs = append(dirs, dir)
	}
	return dirs
}

// inGroups are the processes in the task's groups and below, as the kernel's
// files have them; those of its keepers aside, who stand in ctl.
func (w *world) inGroups() []string { return members(w.groups()) }

func members(dirs []string) (all []string) {
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.IsDir() {
				return nil // it has just been removed
			}
			if path == filepath.Join(dir, "ctl") {
				return filepath.SkipDir
			}
			pids, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			if err == nil && len(pids) > 0 {
				all = append(all, fmt.Sprintf("%s: %s", path, strings.ReplaceAll(string(pids), "\n", " ")))
			}
			return nil
		})
		if err != nil {
			panic(err) // the function answers none
		}
	}
	return all
}

// testimony is what a witness has seen.
type testimony struct {
	state machine.TaskState
	lost  bool
	wrong []string
	err   error
}

// witness follows the journal to the task's end. At each record that says of
// something that it is over for good it looks at once who lives.
func (w *world) witness() <-chan testimony {
	w.t.Helper()
	dirs, path := w.groups(), w.dir().Journal()
	told := make(chan testimony, 1)
	events, err := watchFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		seen := testimony{}
		seen.err = errors.Join(seen.follow(path, dirs, events), events.Close())
		told <- seen
	}()
	return told
}

func (seen *testimony) follow(path string, dirs []string, events *os.File) error {
	r, err := journal.NewReader(path)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		payload, err := r.Next()
		if err == io.EOF {
			if _, err := events.Read(make([]byte, 4096)); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		e, err := machine.Decode(payload)
		if err != nil {
			return err
		}
		if seen.hear(e.Record, dirs) {
			return nil
		}
	}
}

// hear answers whether it was the last word.
func (seen *testimony) hear(r machine.Record, dirs []string) bool {
	end, isEnd := r.(machine.Ended)
	finish, isFinish := r.(machine.Finished)
	lost := isEnd && end.State == machine.RunLost
	if !lost && !isFinish {
		return false
	}
	if alive := members(dirs); alive != nil {
		seen.wrong = append(seen.wrong, fmt.Sprintf("when the journal said %s there lived: %s", machine.TypeOf(r), strings.Join(alive, "; ")))
	}
	seen.lost = seen.lost || lost
	seen.state = finish.State
	return isFinish
}

// watchFile hears when a file is written.
func watchFile(path string) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	events := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_MODIFY); err != nil {
		return nil, errors.Join(fmt.Errorf("watch %s: %w", path, err), events.Close())
	}
	return events, events.SetReadDeadline(time.Now().Add(patience))
}

// noTrace says what is left of a task that is over: processes, groups, mounts,
// locks. Its keepers are waited for, as the verbs do, which remove on v2 the
// group in which they stood.
func (w *world) noTrace() {
	w.t.Helper()
	eventually(w.t, patience, "the task's keepers have ended", func() bool { return w.shim() == 0 && w.brain() == 0 })
	if code, out := w.dewar("wait", w.id); code > 4 {
		w.t.Errorf("dewar wait exits %d: %s", code, out)
	}
	if left := w.leftovers(); left != nil {
		w.t.Errorf("left running: %s", strings.Join(left, "; "))
	}
	w.noGroups()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, w.root) {
			w.t.Errorf("left mounted: %s", line)
		}
	}
}

// noGroups says which of the task's groups are there, after a verb that waited
// for its end.
func (w *world) noGroups() {
	w.t.Helper()
	for _, dir := range w.groups() {
		if _, err := os.Lstat(dir); !errors.Is(err, syscall.ENOENT) {
			w.t.Errorf("%s is there: %v", dir, err)
		}
	}
}
