package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/soak"
)

// Of thousands of processes every one is listed in time, the main one is described
// first, and the bundle does not become larger than it may.
func TestGatherOfMany(t *testing.T) {
	many := soak.Promised(t, 500, 5000)
	c := scene(t, "mkfifo fifo; for i in $(seq "+strconv.Itoa(many)+"); do (read x <fifo) & done; echo up; wait")
	began := time.Now()
	if err := within(t, 3*time.Second, c); err != nil {
		t.Fatal(err)
	}
	soak.Note(t, "a bundle of evidence of many processes", many, time.Since(began).Round(time.Millisecond).String())
	procs := c.file(t, "procs.txt")
	top, rest, _ := strings.Cut(procs, "\n\n== ")
	if got := strings.Count(top, "\n"); got < many+1 {
		t.Errorf("%d lines are listed of %d processes", got, many)
	}
	if want := fmt.Sprintf("process %d (bash)\n", c.Pid); !strings.HasPrefix(rest, want) {
		t.Errorf("the first that is described is %.100s", rest)
	}
	if info, err := os.Stat(filepath.Join(string(c.Dir), c.Run.EvidenceDir(string(c.Why)), "procs.txt")); err != nil || info.Size() > mostProcs {
		t.Errorf("%v, %v", info, err)
	}
}
