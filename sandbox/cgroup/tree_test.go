package cgroup

import (
	"context"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/needs"
)

// host is this machine, for groups of the test's own: as root they are made at
// the root of each hierarchy, wherever we stand ourselves. A test that could
// leave us in a group of its own does not.
func host(t testing.TB) Host {
	t.Helper()
	h, err := Look()
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		text, err := readFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		own := map[string]string{"": "/"}
		if os.Getenv(v1Env) != "" {
			delete(own, "")
		}
		for _, name := range v1Names {
			own[name] = "/"
		}
		boot := h.Boot
		h = look(parseMounts(text), own)
		h.Boot = boot
	}
	if h.Mode == None {
		t.Skip(needs.Prefix + "control groups: " + h.Why)
	}
	return h
}

// v1Env leaves the unified hierarchy out.
const v1Env = "DEWAR_TEST_V1"

// On a hybrid machine everything once more without its unified hierarchy.
func TestV1Alone(t *testing.T) {
	needs.Root(t)
	if os.Getenv(v1Env) != "" || host(t).Mode != Hybrid {
		t.Skip(needs.Prefix + "a hybrid machine")
	}
	cmd := exec.Command("/proc/self/exe", "-test.timeout=5m", "-test.v")
	cmd.Env = append(os.Environ(), v1Env+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestKill ") {
		t.Errorf("%v\n%s", err, out)
	}
}

var aside sync.Once

// stepAside leaves a group of v2 that is to hand controllers down, for as long
// as the tests run: it is emptied by their end, and is to be removed by whoever
// has made it for them.
func stepAside(t testing.TB) {
	t.Helper()
	h := host(t)
	if h.Mode != V2 || isRoot(h.Own[""]) {
		return
	}
	place, err := h.Place("the tests")
	if err == nil {
		err = Open(place).Make(os.Getpid())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tree is a task's groups, made, and gone with the test.
func tree(t testing.TB) *Tree {
	t.Helper()
	aside.Do(func() { stepAside(t) })
	place, err := host(t).Place(t.Name() + strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	tr := Open(place)
	t.Cleanup(func() { razed(t, tr) })
	if err := tr.Make(); err != nil {
		t.Fatal(err)
	}
	return tr
}

// razed kills and removes a task's groups.
func razed(t testing.TB, tr *Tree) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := tr.all().Thaw(); err != nil {
		t.Error(err)
	}
	if err := tr.all().Kill(ctx); err != nil {
		t.Error(err)
	}
	if err := tr.Remove(ctx); err != nil {
		t.Error(err)
	}
	if tr.all().Exists() {
		t.Errorf("%v is still there", tr.all().made())
	}
}

func within(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func TestMakeIsIdempotentAndRemoveLeavesNothing(t *testing.T) {
	tr := tree(t)
	leaf := tr.Process("web")
	for range 2 {
		if err := tr.Make(); err != nil {
			t.Fatal(err)
		}
		if err := leaf.Make(); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []Group{tr.Task(), leaf} {
		if got := len(g.made()); got == 0 {
			t.Errorf("%s was not made", g)
		}
		if full, err := g.Populated(); full || err != nil {
			t.Errorf("%s is populated: %v, %v", g, full, err)
		}
	}
	if err := tr.Remove(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if tr.all().Exists() || leaf.Exists() {
		t.Error("something is left")
	}
	if err := leaf.Kill(within(t, time.Minute)); err != nil {
		t.Errorf("kill what is not there: %v", err)
	}
	if err := tr.Remove(within(t, time.Minute)); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
}

// Every process is born in its group, in every hierarchy that its Entry names.
func TestNamesThatAreGroups(t *testing.T) {
	tr := tree(t)
	names := []string{"tasks", "cgroup.procs", "checks", "ctl", "p-web", "web server", "100%", "%2F", "ünïcödé 日本語", strings.Repeat("é", 100), strings.Repeat("%", 200), "a\\b", "a:b,c"}
	for _, name := range names {
		g := tr.Process(name)
		if err := g.Make(); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		s := start(t, g, "sleep")
		unified, v1 := g.Entry()
		files := v1
		if unified != "" {
			files = append(files, unified+"/cgroup.procs")
		}
		for _, file := range files {
			if text, err := readFile(file); err != nil || text != strconv.Itoa(s.Process.Pid) {
				t.Errorf("%q: %s has %q (%v), not %d", name, file, text, err, s.Process.Pid)
			}
		}
		if err := g.Kill(within(t, time.Minute)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		s.dies(t)
		if err := g.Remove(within(t, time.Minute)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if left, err := tr.Task().Procs(); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestRemoveNamesWhoLives(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	s := start(t, g, "sleep")
	err := tr.Remove(within(t, 10*time.Second))
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(s.Process.Pid)) || !strings.Contains(err.Error(), "p-web") {
		t.Errorf("the error does not name %d in p-web: %v", s.Process.Pid, err)
	}
	if !g.Exists() {
		t.Error("the group of a living process is gone")
	}
	if err := tr.Task().Kill(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	s.dies(t)
}

func TestStepAsideAndBack(t *testing.T) {
	tr := tree(t)
	g := tr.Checks()
	s := start(t, g, "sleep") // any process of ours
	if err := tr.StepAside(s.Process.Pid); err != nil {
		t.Fatal(err)
	}
	got, err := tr.Ctl().Procs()
	if err != nil || !slices.Equal(got, []int{s.Process.Pid}) {
		t.Errorf("in ctl: %v, %v", got, err)
	}
	for _, dir := range tr.Ctl().made() {
		if text, err := readFile(path.Join(dir, "cgroup.procs")); err != nil || text == "" {
			t.Errorf("%s: %q, %v", dir, text, err)
		}
	}
	if os.Geteuid() == 0 { // there the test's own group is the root
		if err := tr.stepBack(s.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if got, err := tr.Ctl().Procs(); len(got) > 0 || err != nil {
			t.Errorf("in ctl: %v, %v", got, err)
		}
	}
	if err := s.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
	// Such as the shell that started us, and ends just now.
	if err := tr.StepAside(s.Process.Pid); err != nil {
		t.Errorf("one that has ended: %v", err)
	}
}
