package supervisor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// world is a task's directory with a real shim, real brains, and real
// processes. What is left of them at the end of the test is killed.
type world struct {
	testing.TB
	dir   task.Dir
	id    string
	env   []string
	brain string // the brain's program

	within []string // the cgroup.procs files of groups that shims enter first

	reaped []chan struct{} // closed when a shim that we have started is reaped
}

// newWorld makes a task's directory. The environment is that of shim and brains.
func newWorld(t testing.TB, spec task.Task, env ...string) *world {
	t.Helper()
	return newWorldIn(t, t.TempDir(), spec, env...)
}

func newWorldIn(t testing.TB, parent string, spec task.Task, env ...string) *world {
	t.Helper()
	id := "t" + strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, filepath.Base(filepath.Dir(parent))+filepath.Base(parent)), "-")
	w := &world{TB: t, dir: task.Dir(filepath.Join(parent, "the task")), id: id}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.brain = self
	w.env = append([]string{"PATH=" + os.Getenv("PATH"), asBrain + "=1", "SHIM=" + shimBinary(), "DEWAR_BRAIN_RETRY=0s"}, env...)
	spec.Name = "world"
	spec.FillIn()
	launch := task.Launch{ID: id, Task: spec, User: spec.User, Launched: time.Now().UnixNano()}
	data, err := launch.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(string(w.dir), 0o711); err != nil {
		t.Fatal(err)
	}
	w.write(w.dir.TaskJSON(), string(data))
	t.Cleanup(w.clean)
	return w
}

func (w *world) write(path, text string) {
	w.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		w.Fatal(err)
	}
}

// start starts the task's shim, as dewar run does.
func (w *world) start() {
	w.Helper()
	console, err := os.OpenFile(w.dir.Console(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		w.Fatal(err)
	}
	defer console.Close()
	cmd := entering(w.within, shimBinary(), string(w.dir), "--", w.brain, string(w.dir))
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = w.env, "/", console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() { cmd.Wait(); close(reaped) }() // its status is of no interest: it may be killed
	w.reaped = append(w.reaped, reaped)
}

func (w *world) clean() {
	for keepers := w.keepers(); len(keepers) > 0; keepers = w.keepers() { // either could just be starting the other
		for _, pid := range keepers {
			w.kill(pid)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var statuses []shim.Status
	for _, id := range everyRun(w.dir) {
		if s, err := client.ReadStatus(w.dir, id); err == nil {
			statuses = append(statuses, s)
		}
	}
	if err := client.Bury(ctx, w.dir, w.id, statuses); err != nil {
		w.Error(err)
	}
	w.removeGroups()
	for _, reaped := range w.reaped {
		<-reaped
	}
	if w.Failed() {
		for _, path := range []string{w.dir.BrainLog(), w.dir.Console()} {
			if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
				w.Logf("%s:\n%s", path, text)
			}
		}
		for _, e := range w.entries() {
			w.Logf("%s", machine.Encode(e.Seq, e.At, e.Record))
		}
	}
}

// keepers are the shims and brains of the task, by the argument that names its
// directory: those that have no lock yet too.
func (w *world) keepers() []int {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		w.Fatal(err)
	}
	var pids []int
	for _, file := range files {
		args, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(args), "\x00"), string(w.dir)) {
			continue // somebody else's, or gone, or dead and not reaped: that has no arguments
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill kills a process and waits until it is dead.
func (w *world) kill(pid int) {
	w.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		w.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		w.Fatal(err)
	}
	gone := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err = unix.Poll(gone, int(patience.Milliseconds()))
	for errors.Is(err, unix.EINTR) {
		_, err = unix.Poll(gone, int(patience.Milliseconds()))
	}
	if err != nil || gone[0].Revents == 0 {
		w.Fatalf("process %d does not die: %v", pid, err)
	}
}

// holder waits for somebody to hold a lock.
func (w *world) holder(lock string) int {
	w.Helper()
	pid := 0
	w.until("somebody holds "+filepath.Base(lock), func() bool {
		var err error
		pid, err = shim.Holder(lock)
		return err == nil && pid != 0
	})
	return pid
}

// entries are the records of the journal so far.
func (w *world) entries() []machine.Entry {
	r, err := journal.NewReader(w.dir.Journal())
	if err != nil {
		return nil
	}
	defer r.Close()
	var entries []machine.Entry
	for {
		payload, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, journal.ErrReplaced) {
			return entries
		}
		if err != nil {
			return entries // it is damaged, which some tests are about
		}
		e, err := machine.Decode(bytes.Clone(payload))
		if err != nil {
			w.Logf("read the journal: %v", err)
			return entries
		}
		entries = append(entries, e)
	}
}

// state is the fold of the journal so far.
func (w *world) state() machine.State {
	w.Helper()
	return w.machine().State()
}

// machine is one that has folded the journal so far.
func (w *world) machine() *machine.Machine {
	w.Helper()
	data, err := os.ReadFile(w.dir.TaskJSON())
	if err != nil {
		w.Fatal(err)
	}
	launch, err := task.ReadLaunch(data)
	if err != nil {
		w.Fatal(err)
	}
	m := machine.New(launch.Task)
	for _, e := range w.entries() {
		if err := m.Apply(e.At, e.Record); err != nil {
			w.Fatalf("record %d: %v", e.Seq, err)
		}
	}
	return m
}

// until waits for a condition that the journal, or another file in the task's
// directory or sandbox, brings about.
func (w *world) until(what string, is func() bool) {
	w.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		w.Fatal(err)
	}
	defer unix.Close(fd)
	for _, dir := range []string{string(w.dir), w.dir.Sandbox()} {
		const mask = unix.IN_MODIFY | unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_CLOSE_WRITE
		if _, err := unix.InotifyAddWatch(fd, dir, mask); err != nil && !errors.Is(err, unix.ENOENT) {
			w.Fatal(err)
		}
	}
	events := make([]byte, 64<<10)
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) {
			w.Fatalf("in vain waited until %s", what)
		}
		// What no event tells of (a lock, the sandbox coming to be) is looked
		// at now and then.
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 50); err != nil && !errors.Is(err, unix.EINTR) {
			w.Fatal(err)
		}
		if _, err := unix.Read(fd, events); err != nil && !errors.Is(err, unix.EAGAIN) {
			w.Fatal(err)
		}
	}
}

// untilRecord waits for a record.
func (w *world) untilRecord(what string, is func(machine.Record) bool) {
	w.Helper()
	w.until(what, func() bool {
		for _, e := range w.entries() {
			if is(e.Record) {
				return true
			}
		}
		return false
	})
}

// finished waits for the task's end, and for that of its shim and brain.
func (w *world) finished() machine.State {
	w.Helper()
	w.until("the task is finished", w.over)
	w.until("shim and brain have gone", w.nobody)
	return w.state()
}

// over says that the journal has the task's end.
func (w *world) over() bool {
	return slices.ContainsFunc(w.entries(), func(e machine.Entry) bool { _, ok := e.Record.(machine.Finished); return ok })
}

// nobody says that neither shim nor brain lives.
func (w *world) nobody() bool {
	shimPid, err1 := shim.Holder(w.dir.ShimLock())
	brainPid, err2 := shim.Holder(w.dir.Lock())
	return err1 == nil && err2 == nil && shimPid == 0 && brainPid == 0
}

// sandbox is the path of a file in the sandbox.
func (w *world) sandbox(name string) string { return filepath.Join(w.dir.Sandbox(), name) }

// text is what is in a file of the sandbox.
func (w *world) text(name string) string {
	b, err := os.ReadFile(w.sandbox(name))
	if err != nil {
		return ""
	}
	return string(b)
}

// sh is a process that runs a command line, with no floor between its runs.
func sh(name, cmdline string) task.Process {
	p := task.DefaultProcess()
	p.Name, p.Cmdline, p.MinDuration = name, cmdline, 0
	return p
}

func tasks(processes ...task.Process) task.Task {
	t := task.DefaultTask()
	t.Processes = processes
	return t
}
