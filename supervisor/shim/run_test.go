package shim_test

import (
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
)

func TestRunsACommand(t *testing.T) {
	r := start(t)
	id := r.spawn("web", "echo out; echo err >&2; exit 3")
	s := r.ended(id)
	if s.Exit != 3 || s.Signal != -1 || s.Error != "" || s.StartedBoot == 0 || s.EndedBoot < s.StartedBoot || s.Left != 0 {
		t.Errorf("status %+v", s)
	}
	if s.Tail != "err\n" {
		t.Errorf("tail %q", s.Tail)
	}
	if got := r.log(id, "stdout"); got != "out\n" {
		t.Errorf("stdout %q", got)
	}
	g, err := r.conn.List()
	if err != nil || len(g.Runs) != 1 || g.Runs[0].RunID != id || g.Runs[0].State != shim.Ended {
		t.Errorf("list %+v, %v", g, err)
	}
	if err := r.conn.Seen(id); err != nil {
		t.Fatal(err)
	}
	if g, err = r.conn.List(); err != nil || len(g.Runs) != 0 {
		t.Errorf("list after seen %+v, %v", g, err)
	}
}
