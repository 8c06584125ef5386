package shim_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/test/needs"
)

// TestAttributes: limits, priority and the rest are set, and none is inherited.
func TestAttributes(t *testing.T) {
	r := start(t)
	id := r.spawn("p", `ulimit -Sn; ulimit -Hn; ulimit -Sc; nice; cat /proc/self/oom_score_adj`, func(s *shim.Spec) {
		s.Rlimits, s.Nice, s.NiceAsked, s.OOMAdj, s.OOMAdjAsked = []int{7, 100, 200, 4, 0, -1}, 5, true, 300, true
		s.Capped = []int{4}
	})
	if s := r.ended(id); s.Exit != 0 {
		t.Fatalf("status %+v", s)
	}
	if out := r.log(id, "stdout"); out != "100\n200\n0\n5\n300\n" {
		t.Errorf("it sees %q", out)
	}
}

// TestAttributesRefused: what was asked for and cannot be had keeps a run from
// starting; what nobody asked for is cut down.
func TestAttributesRefused(t *testing.T) {
	needs.User(t)
	r := start(t)
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	more := int(files.Max) + 1
	for name, c := range map[string]struct {
		change func(*shim.Spec)
		words  string
	}{
		"limit":    {func(s *shim.Spec) { s.Rlimits = []int{7, 10, more} }, "set the limit of open files: "},
		"priority": {func(s *shim.Spec) { s.Nice, s.NiceAsked = -5, true }, "set the priority to -5: "},
		"oom":      {func(s *shim.Spec) { s.OOMAdj, s.OOMAdjAsked = -900, true }, "set oom_score_adj to -900: "},
	} {
		said := ""
		id := run(name, 0)
		if err := r.try(id, "true", c.change); err != nil {
			said = err.Error()
		} else if s := r.ended(id); s.Exit == -1 {
			said = s.Error
		}
		if !strings.Contains(said, c.words) {
			t.Errorf("%s: %q", name, said)
		}
	}
	id := r.spawn("capped", "ulimit -Hn; nice; cat /proc/self/oom_score_adj", func(s *shim.Spec) {
		s.Rlimits, s.Capped, s.Nice, s.OOMAdj = []int{7, 10, more}, []int{7}, -5, -900
	})
	if s := r.ended(id); s.Exit != 0 || !strings.HasPrefix(r.log(id, "stdout"), strconv.Itoa(int(files.Max))+"\n") {
		t.Errorf("status %+v, %q", s, r.log(id, "stdout"))
	}
}

// TestNoCapabilities: another user than root has none, whatever we have.
func TestNoCapabilities(t *testing.T) {
	needs.Root(t)
	r := start(t)
	id := r.spawn("p", "grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status", func(s *shim.Spec) { s.UID, s.GID, s.Groups = 65534, 65534, nil })
	if s := r.ended(id); s.Exit != 0 {
		t.Fatalf("status %+v", s)
	}
	if out := r.log(id, "stdout"); strings.Count(out, "0000000000000000") != 4 {
		t.Error(out)
	}
}

// TestGroup: a run is born in its groups: what it does first is seen there.
func TestGroup(t *testing.T) {
	host, err := cgroup.Look()
	if err != nil {
		t.Fatal(err)
	}
	r := start(t)
	place, err := host.Place(string(r.dir))
	if err != nil {
		t.Skip(needs.Prefix + "control groups: " + host.Why)
	}
	tree := cgroup.Open(place)
	t.Cleanup(func() {
		if err := tree.StepHome(r.cmd.Process.Pid, os.Getpid()); err != nil {
			t.Log(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := tree.Task().Remove(ctx); err != nil {
			t.Error(err)
		}
		if err := tree.Remove(ctx); err != nil && host.Mode != cgroup.V2 {
			t.Error(err)
		}
	})
	pids := []int{r.cmd.Process.Pid, os.Getpid()}
	others, err := host.Strangers(pids...) // such as its brain
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Make(append(pids, others...)...); err != nil {
		t.Fatal(err)
	}
	leaf := tree.Process("p")
	if err := leaf.Make(); err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Limit(cgroup.Limits{Pids: 10}); err != nil {
		t.Fatal(err)
	}
	entry := func(s *shim.Spec) { s.Group, s.Joins = leaf.Entry() }
	id := r.spawn("p", "cat /proc/self/cgroup", entry)
	if s := r.ended(id); s.Exit != 0 {
		t.Fatalf("status %+v", s)
	}
	group, joins := leaf.Entry()
	want := len(joins)
	if group != "" {
		want++
	}
	if got := strings.Count(r.log(id, "stdout"), filepath.Base(leaf.String())); got != want {
		t.Errorf("of %d groups it is in %d:\n%s", want, got, r.log(id, "stdout"))
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if s := r.ended(r.spawn("denied", "", argv(plain), entry)); !strings.HasSuffix(s.Error, plain+`": permission denied`) {
		t.Errorf("status %+v", s)
	}
	testCrowded(t, r, leaf, entry)
	testNoGroup(t, r)
}

// testCrowded: under a limit of one process, a run is started, or could not be;
// never is there an exit status that nobody gave.
func testCrowded(t *testing.T, r *rig, leaf cgroup.Group, entry func(*shim.Spec)) {
	if _, err := leaf.Limit(cgroup.Limits{Pids: 1}); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		id := run("crowded", n)
		if err := r.try(id, "exec /bin/true", entry); err != nil {
			if !strings.Contains(err.Error(), "fork: ") {
				t.Errorf("refused: %v", err)
			}
			continue
		}
		if s := r.ended(id); s.Exit != 0 && s.Error == "" {
			t.Errorf("status %+v", s)
		}
		if said := r.log(id, "stderr"); strings.Contains(said, "runtime") || strings.Contains(said, "goroutine") {
			t.Errorf("the user reads %q", said)
		}
	}
}

// testNoGroup: a group that is not there is named.
func testNoGroup(t *testing.T, r *rig) {
	for i, change := range []func(*shim.Spec){
		func(s *shim.Spec) { s.Group = "/no/such/group" },
		func(s *shim.Spec) { s.Joins = []string{"/no/such/group/cgroup.procs"} },
	} {
		err := r.try(run(fmt.Sprintf("astray%d", i), 0), "true", change)
		if err == nil || !strings.Contains(err.Error(), "/no/such/group") {
			t.Errorf("%v", err)
		}
	}
}
