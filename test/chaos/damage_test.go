package chaos

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/programs"
	"github.com/dewarhq/dewar/test/soak"
)

// damage is something that happens to a file while nobody drives the task.
type damage struct {
	name string
	file func(task.Dir) string
	hurt func([]byte) []byte
}

func cut(b []byte) []byte { return b[:rand.IntN(len(b)+1)] }

func flip(b []byte) []byte {
	b[rand.IntN(len(b))] ^= byte(1 + rand.IntN(255))
	return b
}

func garble(b []byte) []byte {
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

var damages = []damage{
	{"journal cut", task.Dir.Journal, cut},
	{"journal byte changed", task.Dir.Journal, flip},
	{"journal garbled", task.Dir.Journal, garble},
	{"task.json cut", task.Dir.TaskJSON, cut},
	{"task.json byte changed", task.Dir.TaskJSON, flip},
	{"status cut", aStatus, cut},
	{"status byte changed", aStatus, flip},
	{"status garbled", aStatus, garble},
	{"spec cut", aSpec, cut},
}

func aStatus(d task.Dir) string { return d.Status(task.RunID{Process: "s0"}) }
func aSpec(d task.Dir) string   { return d.Spec(task.RunID{Process: "s0"}) }

// TestDamagedFiles hurts a file of a task that lost its brain and its shim.
// Whatever is made of it, other tasks do not notice, every verb that reads says
// something, and a kill ends the task and all that lives of it.
func TestDamagedFiles(t *testing.T) {
	rounds := soak.Times(t, 1)
	soak.Note(t, "a file of a task cut or changed at a random byte", rounds*len(damages), "told, killed, nothing left, other tasks untouched")
	for range rounds {
		for _, d := range damages {
			t.Run(strings.ReplaceAll(d.name, " ", "-"), func(t *testing.T) { hurtAndKill(t, d) })
		}
	}
}

func hurtAndKill(t *testing.T, d damage) {
	w := newWorld(t, programs.Dir(t))
	g := graph{}
	for i := range 4 {
		g.nodes = append(g.nodes, node{name: fmt.Sprintf("s%d", i), codes: []int{0}, maxFailures: 1, lasts: time.Hour})
	}
	w.launch(g)
	eventually(t, 10*time.Second, "all processes have begun", func() bool {
		for _, n := range g.nodes {
			if len(w.book(n.name)) == 0 {
				return false
			}
		}
		return true
	})
	w.killBoth()
	path := d.file(w.dir())
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	hurt := d.hurt(data)
	if err := os.WriteFile(path, hurt, 0o640); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s was left with %d bytes: %q", filepath.Base(path), len(hurt), hurt)
		}
	})
	w.otherTaskRuns()
	for _, verb := range []string{"status", "why"} {
		if code, out := w.dewar(verb, w.id); out == "" || strings.Contains(out, "goroutine ") {
			t.Errorf("dewar %s exits %d and says %q", verb, code, out)
		}
	}
	if code, out := w.dewar("resume", w.id); strings.Contains(out, "goroutine ") {
		t.Errorf("dewar resume exits %d and says %q", code, out)
	}
	if code, out := w.dewar("kill", "--now", w.id); code != 0 {
		t.Errorf("dewar kill --now exits %d: %s", code, out)
	}
	if code, out := w.dewar("wait", w.id); code != 3 && code != 4 {
		t.Errorf("dewar wait exits %d: %s", code, out)
	}
	if left := w.leftovers(); left != nil {
		t.Errorf("left running: %s", strings.Join(left, "; "))
	}
}

// otherTaskRuns runs another task in the same root.
func (w *world) otherTaskRuns() {
	w.t.Helper()
	if code, out := w.dewar("simplerun", "--task-id", "other", "--", "true"); code != 0 {
		w.t.Errorf("another task exits %d: %s", code, out)
	}
	if code, out := w.dewar("status"); code != 0 || !strings.Contains(out, "other") {
		w.t.Errorf("dewar status exits %d: %s", code, out)
	}
}

// TestLostTail cuts the journal of a task that lost its brain and its shim, and
// brings it back: it goes on to its end, and no run is started a second time.
func TestLostTail(t *testing.T) {
	rounds := soak.Times(t, 10)
	soak.Note(t, "the end of a journal lost with brain and shim", rounds, "went on to its end, no run started twice")
	for range rounds {
		w := newWorld(t, programs.Dir(t))
		g := listeners(t)
		w.launch(g)
		time.Sleep(time.Duration(rand.Int64N(int64(250 * time.Millisecond))))
		if !w.killBoth() {
			continue
		}
		data, err := os.ReadFile(w.dir().Journal())
		if err == nil {
			err = os.WriteFile(w.dir().Journal(), cutBehindFirst(data), 0o640)
		}
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if code, out := w.dewar("resume", w.id); code != 0 {
			t.Errorf("dewar resume exits %d: %s", code, out)
		}
		if code := <-w.wait(); code != exitSuccess {
			t.Errorf("the task ended with status %d", code)
		}
		w.check(g, true)
		if t.Failed() {
			return
		}
	}
}

// cutBehindFirst keeps the first record: without it a journal is damaged.
func cutBehindFirst(b []byte) []byte {
	if len(b) < 8 {
		return nil
	}
	first := 8 + int(binary.BigEndian.Uint32(b))
	return b[:first+rand.IntN(len(b)-first+1)]
}
