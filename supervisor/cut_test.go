package supervisor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/journal"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// A journal that has lost its end, as it may with the machine's power, makes
// no run run twice and loses no exit status that a status file still holds.
func TestCutJournal(t *testing.T) {
	for _, shimDies := range []bool{false, true} {
		for keep := 0; ; keep++ {
			more := true
			t.Run(fmt.Sprintf("%d records, shim dies %v", keep, shimDies), func(t *testing.T) {
				more = cutAt(t, keep, shimDies)
			})
			if !more || t.Failed() {
				break
			}
		}
	}
}

// cutAt leaves so many records of the journal of a task in its middle. It says
// whether there were more.
func cutAt(t *testing.T, keep int, shimDies bool) bool {
	first := sh("first", tell+"true")
	fails := sh("fails", tell+"exit 3")
	waits := sh("waits", tell+`until [ -e "$HOME/go" ]; do sleep 0.01; done`)
	fails.After, waits.After = []task.Edge{after("first")}, []task.Edge{after("first")}
	spec := tasks(first, fails, waits)
	spec.MaxFailures = 0
	w := newWorld(t, spec)
	w.start()
	w.untilStarted("waits")
	w.untilRecord("the other has failed", func(r machine.Record) bool { e, ok := r.(machine.Ended); return ok && e.Process == "fails" })
	w.until("it tells", func() bool { return strings.Contains(w.text("ran"), "waits/0") })

	brain, shimPid := w.holder(w.dir.Lock()), w.holder(w.dir.ShimLock())
	pause(t, brain)
	if shimDies {
		w.kill(shimPid)
	}
	records := len(w.entries())
	cutJournal(t, w.dir, keep)
	w.kill(brain)
	if shimDies {
		w.start()
	}
	w.write(w.sandbox("go"), "")
	s := w.finished()
	if s.State != machine.Success {
		t.Errorf("the task ended as %s: %s", s.State, s.Reason)
	}
	if got := runs(s); !slices.Contains(got, "first/0 SUCCESS 0 0 ") || !slices.Contains(got, "fails/0 FAILED 3 0 ") {
		t.Errorf("an exit status is lost: %q", got)
	}
	ran := strings.Fields(w.text("ran"))
	slices.Sort(ran)
	if len(slices.Compact(slices.Clone(ran))) != len(ran) {
		t.Errorf("a run ran twice: %q", ran)
	}
	return keep < records
}

// cutJournal truncates a journal after so many records.
func cutJournal(t *testing.T, dir task.Dir, keep int) {
	t.Helper()
	content, err := os.ReadFile(dir.Journal())
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for range keep {
		if len(content)-at <= journal.FrameSize {
			return
		}
		head := content[at:]
		at += journal.FrameSize + int(head[0])<<24 + int(head[1])<<16 + int(head[2])<<8 + int(head[3])
	}
	if err := os.Truncate(dir.Journal(), int64(at)); err != nil {
		t.Fatal(err)
	}
}
