package cgroup

import (
	"os"
	"path"
	"strconv"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/needs"
)

// Whatever a payload does to its leaf, or leaves in it, the next run is born, is
// killed, and nothing stays.
func TestMakeWhatAPayloadHasSpoilt(t *testing.T) {
	for _, c := range []struct {
		name  string
		v1    bool // is what can be done there
		fit   bool // is as if nothing were
		spoil func(t *testing.T, dir string)
	}{
		{"killed", false, true, func(t *testing.T, dir string) { put(t, dir+"/cgroup.kill", "1") }},
		{"groups below", true, true, func(t *testing.T, dir string) { mkdirs(t, dir+"/a/b/c") }},
		{"no groups below", false, true, func(t *testing.T, dir string) {
			put(t, dir+"/cgroup.max.depth", "0")
			put(t, dir+"/cgroup.max.descendants", "0")
		}},
		{"threads below", false, true, func(t *testing.T, dir string) {
			mkdirs(t, dir+"/a/b")
			put(t, dir+"/a/cgroup.type", "threaded")
			put(t, dir+"/a/b/cgroup.type", "threaded")
		}},
		{"threads", false, false, func(t *testing.T, dir string) {
			if have, err := words2(path.Dir(dir) + "/cgroup.subtree_control"); err != nil || len(have) > 0 {
				t.Skip(needs.Prefix + "the kernel allows it only where no controllers are handed down")
			}
			put(t, dir+"/cgroup.type", "threaded")
		}},
		{"frozen", false, false, func(t *testing.T, dir string) { put(t, dir+"/cgroup.freeze", "1") }},
		{"frozen below", false, true, func(t *testing.T, dir string) {
			mkdirs(t, dir+"/a")
			put(t, dir+"/a/cgroup.freeze", "1")
		}},
		{"frozen, of v1", true, false, func(t *testing.T, dir string) {
			if !exists(dir + "/freezer.state") {
				t.Skip(needs.Prefix + "there is the unified hierarchy for that")
			}
			put(t, dir+"/freezer.state", "FROZEN")
		}},
		{"controllers below", false, false, func(t *testing.T, dir string) {
			have, err := words2(dir + "/cgroup.controllers")
			if err != nil || len(have) == 0 {
				t.Skip(needs.Prefix + "there are none here")
			}
			mkdirs(t, dir+"/a")
			put(t, dir+"/cgroup.subtree_control", "+memory +pids")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := tree(t)
			g := tr.Process("web")
			if fit, err := g.Fit(); fit || err != nil {
				t.Errorf("what is not there is fit: %v, %v", fit, err)
			}
			for range 2 {
				if err := g.Make(); err != nil {
					t.Fatal(err)
				}
				if fit, err := g.Fit(); !fit || err != nil {
					t.Errorf("what is new is fit: %v, %v", fit, err)
				}
				dir := g.made()[0]
				if g.unified() == "" {
					if !c.v1 {
						t.Skip(needs.Prefix + "v1 has nothing like that")
					}
					if at := g.v1("freezer"); at != "" {
						dir = at
					}
				}
				c.spoil(t, dir)
				if fit, err := g.Fit(); fit != c.fit || err != nil {
					t.Errorf("what was spoilt is fit: %v, %v", fit, err)
				}
			}
			if err := g.Make(); err != nil {
				t.Fatal(err)
			}
			s := start(t, g, "sleep")
			if err := g.Kill(within(t, time.Minute)); err != nil {
				t.Fatal(err)
			}
			s.dies(t)
		})
	}
}

// A payload lives in what it has spoilt: it dies with all that it has started,
// and it all goes.
func TestKillWhatAPayloadHasSpoilt(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if g.unified() == "" {
		t.Skip(needs.Prefix + "v1 has nothing like that")
	}
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	s := start(t, g, "sleep")
	mkdirs(t, g.unified()+"/a/b")
	mkdirs(t, g.unified()+"/threads")
	put(t, g.unified()+"/threads/cgroup.type", "threaded")
	put(t, g.unified()+"/threads/cgroup.threads", strconv.Itoa(s.Process.Pid))
	put(t, g.unified()+"/cgroup.freeze", "1")
	if err := g.Kill(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.dies(t)
	if err := g.Remove(within(t, time.Minute)); err != nil || g.Exists() {
		t.Errorf("it stays: %v", err)
	}
}

// Who has threads in the leaf of a process, and is listed above it, dies with it.
func TestKillThreads(t *testing.T) {
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	if have, err := words2(path.Dir(g.unified()) + "/cgroup.subtree_control"); g.unified() == "" || err != nil || len(have) > 0 {
		t.Skip(needs.Prefix + "a unified hierarchy that hands no controllers down")
	}
	put(t, g.unified()+"/cgroup.type", "threaded")
	s := start(t, tr.Task(), "sleep")
	put(t, g.unified()+"/cgroup.threads", strconv.Itoa(s.Process.Pid))
	if err := g.Kill(within(t, 10*time.Second)); err != nil {
		t.Error(err)
	}
	if err := tr.Task().Kill(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	s.dies(t)
}

func put(t *testing.T, file, value string) {
	t.Helper()
	if err := writeFile(file, value); err != nil {
		t.Fatal(err)
	}
}

func mkdirs(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
