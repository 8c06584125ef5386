package chaos

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/programs"
	"github.com/dewarhq/dewar/test/soak"
)

// exitSuccess is what `dewar wait` must say: some processes of the graphs fail
// for good, but their tasks count none of them.
const exitSuccess = 0

// TestKillBrain kills the brain at random moments. Nothing may be lost.
func TestKillBrain(t *testing.T) {
	want := soak.Times(t, fewer(50))
	soak.Note(t, "SIGKILL to the brain at a random moment, 60 processes", want, "every run, exit status and log line accounted for")
	for kills := 0; kills < want && !t.Failed(); {
		w := newWorld(t, programs.Dir(t))
		g := sixty(10 * time.Millisecond)
		w.launch(g)
		kills += w.killBrainsUntilDone()
		w.check(g, false)
		t.Logf("%d kills so far", kills)
	}
}

// killBrainsUntilDone kills brains until the task is over, rarely enough for a
// brain to come to something between two kills.
func (w *world) killBrainsUntilDone() int {
	between := 40 * time.Millisecond
	if inGuest() {
		between = 4 * time.Second
	}
	kills := 0
	done := w.wait()
	for {
		pause := time.Duration(rand.Int64N(int64(between)))
		select {
		case code := <-done:
			if code != exitSuccess {
				w.t.Errorf("the task ended with status %d", code)
			}
			return kills
		case <-time.After(pause):
			if kill(w.brain()) {
				kills++
			}
		}
	}
}

// TestBrainAway lets runs end while no brain lives: their statuses and times
// are the true ones all the same.
func TestBrainAway(t *testing.T) {
	w := newWorld(t, programs.Dir(t), "DEWAR_BRAIN_RETRY=700ms")
	g := graph{}
	for i := range 20 {
		g.nodes = append(g.nodes, node{
			name: "p" + strconv.Itoa(i), codes: []int{i}, maxFailures: 1, lines: 10,
			lasts: 600*time.Millisecond + time.Duration(i)*20*time.Millisecond,
		})
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
	done := w.wait()
	if !kill(w.brain()) {
		t.Fatal("no brain to kill")
	}
	if code := <-done; code != exitSuccess {
		t.Errorf("the task ended with status %d", code)
	}
	w.check(g, false)
}

// TestCrashPoints ends the brain just before and just after each journal write
// and each request to the shim, one point a task.
func TestCrashPoints(t *testing.T) {
	g := sixty(time.Millisecond)
	total := countPoints(t, g)
	if total < 500 {
		t.Fatalf("only %d crash points in a task of %d processes", total, len(g.nodes))
	}
	usual := fewer(15)
	times := soak.Times(t, usual)
	if times > usual && !inGuest() {
		times = total // a soak goes through all of them
	}
	soak.Note(t, "SIGKILL to the brain at one crash point, 60 processes", times, "every run, exit status and log line accounted for")
	step := max(1, total/times)
	tried := 0
	for point := 1 + rand.IntN(step); point <= total && !t.Failed(); point += step {
		once := filepath.Join(t.TempDir(), "crashed")
		w := newWorld(t, programs.WithCrashPoints(t), "DEWAR_CRASH_AT="+strconv.Itoa(point), "DEWAR_CRASH_ONCE="+once)
		w.launch(g)
		if code := <-w.wait(); code != exitSuccess {
			t.Errorf("crash point %d: the task ended with status %d", point, code)
		}
		w.check(g, false)
		tried++
	}
	t.Logf("%d of %d crash points", tried, total)
}

// countPoints is how many crash points one undisturbed run of g passes.
func countPoints(t *testing.T, g graph) int {
	t.Helper()
	count := filepath.Join(t.TempDir(), "points")
	w := newWorld(t, programs.WithCrashPoints(t), "DEWAR_CRASH_COUNT="+count)
	w.launch(g)
	if code := <-w.wait(); code != exitSuccess {
		t.Fatalf("without a crash the task ended with status %d", code)
	}
	w.check(g, false)
	info, err := os.Stat(count)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}
