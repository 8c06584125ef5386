package cgroup

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/test/needs"
)

func TestIOLimits(t *testing.T) {
	needController(t, "io")
	on := disk(t)
	device, err := deviceOf(on)
	if err != nil {
		t.Fatal(err)
	}
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	file, want := "io.max", device+" rbps=1048576 wbps=2097152 riops=max wiops=max"
	dir := g.unified()
	if v1 := g.v1("blkio"); v1 != "" {
		dir, file, want = v1, "blkio.throttle.read_bps_device", device+" 1048576"
	}
	for range 2 {
		limited(t, g, Limits{IORead: 1 << 20, IOWrite: 2 << 20, IOPath: on})
		if got, err := readFile(path.Join(dir, file)); err != nil || got != want {
			t.Errorf("%s: %q (%v), not %q", file, got, err, want)
		}
	}
	limited(t, g, Limits{})
	if got, err := readFile(path.Join(dir, file)); err != nil || strings.Contains(got, "1048576") {
		t.Errorf("the limit is still there: %q, %v", got, err)
	}
}

// disk is a path on one, or a disk itself.
func disk(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/", "/dev/vda", "/dev/sda", "/dev/nvme0n1"} {
		if _, err := deviceOf(name); err == nil {
			return name
		}
	}
	t.Skip(needs.Prefix + "a disk")
	return ""
}

func TestIOWeightIsRefusedOrApplied(t *testing.T) {
	needController(t, "io")
	tr := tree(t)
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	_, err := g.Limit(Limits{IOWeight: 50})
	if err != nil && !strings.Contains(err.Error(), "no such file") && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	not, err := g.Limit(Limits{IOWeight: 50, Defaults: map[What]bool{IOWeight: true}})
	if err != nil {
		t.Error(err)
	}
	t.Log(not)
}

// A partition's requests are throttled on its disk.
func TestWholeDisk(t *testing.T) {
	sys := t.TempDir()
	disk := filepath.Join(sys, "devices", "vda")
	block := filepath.Join(sys, "block")
	for _, dir := range []string{disk + "/vda1", block} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"dev": "254:0\n", "vda1/dev": "254:1\n", "vda1/partition": "1\n"} {
		if err := os.WriteFile(filepath.Join(disk, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"254:0": disk, "254:1": disk + "/vda1"} {
		if err := os.Symlink(to, filepath.Join(block, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, device := range []string{"254:0", "254:1"} {
		if got, err := wholeDisk(device, block); err != nil || got != "254:0" {
			t.Errorf("%s is on %q, %v", device, got, err)
		}
	}
	if _, err := deviceOf("/proc"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("/proc is on a disk: %v", err)
	}
	if _, err := deviceOf(""); err == nil {
		t.Error("no path is on a disk")
	}
}
