package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
	"github.com/dewarhq/dewar/test/soak"
)

// torment is a payload that is hard to kill; the program payload has the words.
type torment struct {
	name     string
	root     bool           // only root can start it
	user     string         // empty: whoever runs the tests
	limits   map[string]any // resources of the task
	children int
}

// torments are what was promised to be survived.
func torments() []torment {
	sleepers := 10_000
	if inGuest() && os.Getenv("DEWAR_SOAK") == "" {
		sleepers = 1000
	}
	return []torment{
		{name: "bomb", limits: map[string]any{"pids": 64}},
		{name: "daemon"},
		{name: "setuid", root: true},
		{name: "regained", root: true, user: "nobody"},
		{name: "stubborn"},
		{name: "vforks"},
		{name: "stopped"},
		{name: "burrow"},
		{name: "sleepers", children: sleepers, limits: map[string]any{"pids": sleepers + 100}},
	}
}

// ending is one of the ways in which a task comes to its end.
type ending struct {
	name  string
	leave bool // the main process ends, and leaves the others
	lost  bool // the run is lost before the task ends
	end   func(*world)
	state machine.TaskState
	code  int // of dewar wait
}

var endings = []ending{
	{name: "killed", end: (*world).killWithGrace, state: machine.Killed, code: 3},
	{name: "without its shim", lost: true, end: (*world).killShim, state: machine.Killed, code: 3},
	{name: "left", leave: true, end: (*world).letLeave, state: machine.Success},
	{name: "without both", lost: true, end: (*world).killBothAndEnd, state: machine.Killed, code: 3},
}

// TestTorture runs what is hard to kill, and ends it in turn by a kill, by the
// end of its main process, and after the death of its shim and of its shim and
// brain. When the journal says that the task is over, or the run lost, there is
// nobody in any group of the task, and afterwards there is no trace of it.
func TestTorture(t *testing.T) {
	for i, m := range torments() {
		t.Run(m.name, func(t *testing.T) {
			if m.root {
				needs.Root(t)
			}
			needGroups(t)
			if m.name == "bomb" {
				needGroups(t, "pids")
			}
			check, first := len(endings), 0
			if m.children > 0 {
				check = 2 // seconds each
			}
			if inGuest() {
				check, first = 1, i
			}
			times := soak.Promised(t, check, 200)
			soak.Note(t, m.said(), times, "nobody in any group when the end was told, no trace afterwards")
			for n := range times {
				e := endings[(first+n)%len(endings)]
				t.Run(e.name, func(t *testing.T) { m.endure(t, e) })
				if t.Failed() {
					return
				}
			}
		})
	}
}

// said is the torment in words.
func (m torment) said() string {
	text := map[string]string{
		"bomb": "a fork bomb under a limit of 64", "daemon": "two forks and two sessions", "setuid": "a child that becomes another user",
		"regained": "a child of nobody that becomes root", "stubborn": "signals ignored", "vforks": "a chain of vforks",
		"stopped": "a process that stops itself", "burrow": "a process that moves into groups of its own",
		"sleepers": fmt.Sprintf("%d sleeping children", m.children),
	}[m.name]
	return text + ", ended in four ways in turn"
}

// endure lets one task be tormented, and come to one of its ends.
func (m torment) endure(t *testing.T, e ending) {
	w := newWorld(t, programs.Dir(t))
	t.Cleanup(func() {
		if t.Failed() {
			w.explain()
		}
	})
	w.torment(m, e.leave)
	eventually(t, patience, "the torment has begun", func() bool { return len(w.book("p")) > 0 })
	if len(w.inGroups()) == 0 {
		t.Fatal("there is nobody in the task's groups")
	}
	told := w.witness()
	e.end(w)
	code, out := w.dewar("wait", w.id)
	if code != e.code {
		t.Errorf("dewar wait exits %d, not %d: %s", code, e.code, out)
	}
	seen := <-told
	if seen.err != nil {
		t.Fatalf("follow the journal: %v", seen.err)
	}
	for _, wrong := range seen.wrong {
		t.Error(wrong)
	}
	if seen.state != e.state || e.lost != seen.lost {
		t.Errorf("the journal says %s, a run lost: %v; it should be %s, %v", seen.state, seen.lost, e.state, e.lost)
	}
	w.noTrace()
}

// torment starts a task that is hard to kill.
func (w *world) torment(m torment, leave bool) {
	w.t.Helper()
	book := filepath.Join(w.books, "p")
	err := errors.Join(
		os.Chmod(filepath.Dir(filepath.Dir(w.root)), 0o755), // other users write the book
		os.WriteFile(book, nil, 0o666),
		os.Chmod(book, 0o666),
		syscall.Mkfifo(w.fifo(), 0o666),
		os.Chmod(w.fifo(), 0o666),
	)
	argv := []string{programs.Path(w.t, "test/payload"), "-torment", m.name, "-book", book, "-mark", w.id, "-children", fmt.Sprint(m.children)}
	if leave {
		argv = append(argv, "-leave", w.fifo())
	}
	if m.user != "" {
		argv = append(argv, "-setuid", w.setuidPayload())
	}
	type o = map[string]any
	task := o{
		"name": "torture", "no_new_privs": m.user == "",
		// The run is not repeated, so that there is to be nobody once it is lost.
		"processes": []o{{"name": "p", "argv": argv, "min_duration": "1h", "stop_timeout": "200ms"}},
	}
	if m.user != "" {
		task["user"] = m.user
	}
	if m.limits != nil && controls(w.t, "pids") {
		task["resources"] = m.limits
	}
	data, jsonErr := json.MarshalIndent(task, "", " ")
	if err := errors.Join(err, jsonErr); err != nil {
		w.t.Fatal(err)
	}
	w.run(data)
}

func (w *world) fifo() string { return filepath.Join(filepath.Dir(w.root), "leave") }

// setuidPayload is a copy of the payload that makes whoever executes it root.
func (w *world) setuidPayload() string {
	w.t.Helper()
	path := filepath.Join(filepath.Dir(w.root), "setuid")
	program, err := os.ReadFile(programs.Path(w.t, "test/payload"))
	if err == nil {
		err = os.WriteFile(path, program, 0o755)
	}
	if err == nil {
		err = os.Chmod(path, 0o755|os.ModeSetuid)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) killWithGrace() { w.mustKill("--grace", "500ms") }

func (w *world) letLeave() {
	w.t.Helper()
	f, err := os.OpenFile(w.fifo(), os.O_WRONLY, 0)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) killShim() {
	w.t.Helper()
	if !kill(w.shim()) {
		w.t.Fatal("no shim to kill")
	}
	w.untilLost()
	w.mustKill("--now")
}

func (w *world) killBothAndEnd() {
	w.t.Helper()
	w.killBoth()
	w.mustKill("--now")
}

func (w *world) mustKill(how ...string) {
	w.t.Helper()
	if code, out := w.dewar(append(append([]string{"kill"}, how...), w.id)...); code != 0 {
		w.t.Errorf("dewar kill exits %d: %s", code, out)
	}
}

// untilLost waits until the run is said to be lost, so that the kill which
// follows finds nothing.
func (w *world) untilLost() {
	w.t.Helper()
	eventually(w.t, patience, "the run is lost", func() bool {
		for _, e := range w.journal() {
			if e.Type == "ended" && e.State == string(machine.RunLost) {
				return true
			}
		}
		return false
	})
}

// explain says what is known of a task that did not end as it should have.
func (w *world) explain() {
	for _, verb := range []string{"status", "why", "read"} {
		code, out := w.dewar(verb, w.id)
		w.t.Logf("dewar %s exits %d:\n%s", verb, code, out)
	}
	for _, path := range []string{w.dir().Console(), w.dir().BrainFailing(), w.dir().BrainLog(), w.dir().Groups()} {
		if text, err := os.ReadFile(path); err == nil {
			w.t.Logf("%s: %s", filepath.Base(path), strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	for _, name := range []string{"stdout", "stderr"} {
		if text, err := os.ReadFile(filepath.Join(w.dir().Sandbox(), ".logs", "p", "0", name)); err == nil && len(text) > 0 {
			w.t.Logf("its %s: %s", name, text[:min(len(text), 2000)])
		}
	}
}
