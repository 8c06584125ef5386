package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", maxFrame+1)
	var wire bytes.Buffer
	w := &frameWriter{w: &wire}
	for _, text := range []string{"", "one", long} {
		if err := w.write(frameOut, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	cut := bytes.NewReader(wire.Bytes()[:wire.Len()-1])
	var got []string
	for {
		kind, data, err := readFrame(&wire)
		if err == io.EOF {
			break
		}
		if err != nil || kind != frameOut {
			t.Fatalf("readFrame: kind %q, %v", kind, err)
		}
		got = append(got, string(data))
	}
	if diff := cmp.Diff([]string{"", "one", long[:maxFrame], "x"}, got); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
	var err error
	for err == nil {
		_, _, err = readFrame(cut)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a frame that is cut off: %v", err)
	}
	if _, _, err := readFrame(strings.NewReader("o\xff\xff\xff\xff")); err == nil {
		t.Error("a frame of 4 GB was accepted")
	}
}

// TestArchive lets cpio read what archive writes.
func TestArchive(t *testing.T) {
	var b bytes.Buffer
	a := &archive{w: &b}
	a.dir("d")
	a.file("d/f", 0o755, []byte("content"))
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	if b.Len()%4 != 0 {
		t.Errorf("%d bytes: not a multiple of 4", b.Len())
	}
	for _, want := range []string{"070701", "000041ED", "d/f\x00", "000081ED", "content\x00", "TRAILER!!!\x00"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the archive has no %q:\n%q", want, b.String())
		}
	}
	if a := (&archive{w: fullDisk{}}); a.close() == nil {
		t.Error("an archive on a full disk was accepted")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestDepends(t *testing.T) {
	for info, want := range map[string][]string{
		"license=GPL\x00depends=fuse,virtio\x00retpoline=Y\x00": {"fuse", "virtio"},
		"depends=\x00name=fuse\x00":                             nil,
		"":                                                      nil,
	} {
		if got := depends([]byte(info)); !slices.Equal(got, want) {
			t.Errorf("depends(%q) = %q, want %q", info, got, want)
		}
	}
}

func TestModulesBuiltInAndUnknown(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "modules.builtin"), "kernel/lib/crc-x.ko\n")
	k, err := findModules(dir)
	if err != nil {
		t.Fatal(err)
	}
	if files, err := k.order("crc_x"); err != nil || len(files) != 0 {
		t.Errorf("a module that is built in: %q, %v", files, err)
	}
	if _, err := k.order("nothing"); err == nil || !strings.Contains(err.Error(), "no module nothing") {
		t.Errorf("an unknown module: %v", err)
	}
}

func TestFindAccount(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1001:Ada,,,:/home/ada:/bin/sh\nodd:x:no:1:::\n"
	const group = "root:x:0:\nkvm:x:7:root,ada\nada:x:1001:\nbad:x:?:ada\n"
	got, err := findAccount(passwd, group, "ada")
	want := account{Name: "ada", UID: 1000, GID: 1001, Groups: []int{1001, 7}, Home: "/home/ada"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("findAccount: %v (-want +got):\n%s", err, diff)
	}
	for name, says := range map[string]string{"eve": `there is no user "eve"`, "odd": "read uid"} {
		if _, err := findAccount(passwd, group, name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("findAccount(%s): %v, want %q", name, err, says)
		}
	}
}

func TestDependency(t *testing.T) {
	const said = "linux-image-cloud-amd64\n  Depends: linux-base\n  Depends: linux-image-6.1.0-56-cloud-amd64\n"
	if got := dependency(said, "linux-image-"); got != "linux-image-6.1.0-56-cloud-amd64" {
		t.Errorf("dependency = %q", got)
	}
	if got := dependency("", "linux-image-"); got != "" {
		t.Errorf("dependency of nothing = %q", got)
	}
}

func TestParse(t *testing.T) {
	got, err := parse([]string{"-c", "v1", "-user", "ada", "-timeout", "5s", "--", "ls", "-l"}, io.Discard)
	want := config{Cgroup: "v1", User: "ada", MiB: 2048, CPUs: 2, Timeout: 5 * time.Second, Command: []string{"ls", "-l"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("parse: %v (-want +got):\n%s", err, diff)
	}
	_, err = parse([]string{"-c", "v3", "-delegate", "-m", "1"}, io.Discard)
	if err == nil {
		t.Fatal("four faults were accepted")
	}
	for _, says := range []string{"v2, v1 or hybrid", "-delegate", "-m 1", "no command"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("parse: %v; it does not say %q", err, says)
		}
	}
}

func TestEnviron(t *testing.T) {
	got := environ([]string{"HOME=/root", "TMPDIR=/t", "XDG_RUNTIME_DIR=/run/user/0", "DEWAR_SOAK=2"}, account{Name: "ada", Home: "/home/ada"})
	want := []string{"DEWAR_SOAK=2", "HOME=/home/ada", "USER=ada", "LOGNAME=ada", "PATH=" + defaultPath}
	if !slices.Equal(got, want) {
		t.Errorf("environ = %q, want %q", got, want)
	}
}

func TestDeathOf(t *testing.T) {
	for console, want := range map[string]string{
		"[ 1.0] Kernel panic - not syncing: sysrq triggered crash\r\n[ 1.1] CPU: 0\r\n": "the guest's kernel has panicked: sysrq triggered crash",
		"noise\ndewar-vm: load module x: no such file\nmore\n":                          "in the guest: load module x: no such file",
		"qemu: no\n": "the guest has ended without a word; its console:\nqemu: no",
	} {
		if got := deathOf(console); got != want {
			t.Errorf("deathOf(%q) = %q, want %q", console, got, want)
		}
	}
}

func TestCacheMakesOnce(t *testing.T) {
	c := cache{t.TempDir()}
	if _, err := c.once("thing", func(path string) error {
		write(t, path, "half")
		return errors.New("no network")
	}); err == nil {
		t.Fatal("a failure to make was not reported")
	}
	made := make(chan int, 8)
	done := make(chan error)
	for range 4 {
		go func() {
			path, err := c.once("thing", func(path string) error {
				made <- 1
				return os.WriteFile(path, []byte("whole"), 0o644)
			})
			if err == nil && filepath.Base(path) != "thing" {
				err = errors.New("its path is " + path)
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if len(made) != 1 {
		t.Errorf("it was made %d times", len(made))
	}
}

func TestDynamicProgramIsRefused(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs: sh")
	}
	if err := checkStatic(sh); err == nil || !strings.Contains(err.Error(), "linked dynamically") {
		t.Errorf("checkStatic(%s): %v", sh, err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
