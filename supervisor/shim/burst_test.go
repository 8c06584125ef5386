package shim_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
)

// busy keeps every processor busy until the test ends.
func busy(t *testing.T) {
	t.Helper()
	for range 4 {
		cmd := exec.Command("/bin/sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
	}
}

// TestBurst: many at once, on processors that have other work, and each is what
// it was to be.
func TestBurst(t *testing.T) {
	busy(t)
	r := start(t, withBinary(t))
	const n = 200
	var requests []byte
	for i := range n {
		id := run("p", i)
		change := argv("/bin/sh", "-c", "echo "+strconv.Itoa(i)+"; exit "+strconv.Itoa(i%100))
		if i%4 == 3 {
			change = argv("no-such-command")
		}
		spec := r.spec(id, "")
		change(&spec)
		if i%4 == 1 {
			spec.Mode, spec.LogSize = "rotate", 1000
		}
		if err := client.WriteSpec(r.dir, id, spec); err != nil {
			t.Fatal(err)
		}
		requests = shim.AppendFrame(requests, "spawn", id.Dir())
	}
	c := r.raw()
	if _, err := c.Write(requests); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		id := run("p", i)
		var s shim.Status
		until(t, "it has ended", func() bool {
			var err error
			s, err = client.ReadStatus(r.dir, id)
			return err == nil && s.State == shim.Ended
		})
		if i%4 == 3 {
			if s.Exit != -1 || s.Error != `execute "no-such-command": no such file or directory` {
				t.Errorf("%d: %+v", i, s)
			}
			continue
		}
		if out := r.log(id, "stdout"); s.Exit != i%100 || out != strconv.Itoa(i)+"\n" {
			t.Errorf("%d: %+v, %q", i, s, out)
		}
	}
}

// TestShimDiesInABurst: wherever its children are between fork and command,
// none of them lives on.
func TestShimDiesInABurst(t *testing.T) {
	for range 10 {
		r := start(t, withBinary(t))
		var requests []byte
		for i := range 40 {
			id := run("p", i)
			if err := client.WriteSpec(r.dir, id, r.spec(id, "sleep 1000 & sleep 1000")); err != nil {
				t.Fatal(err)
			}
			requests = shim.AppendFrame(requests, "spawn", id.Dir())
		}
		c := r.raw()
		if _, err := c.Write(requests); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(30 * time.Millisecond))))
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		r.cmd.Wait()
		until(t, "no main process is left", func() bool {
			for _, p := range processes(t) {
				if p.Pid == r.hello.BrainPid || p.Dead() || p.Sid != p.Pid {
					continue
				}
				env, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid) + "/environ")
				if err == nil && (strings.Contains(string(env), r.mark) || strings.Contains(string(env), "DEWAR_TASK_ID="+r.id)) {
					return false
				}
			}
			return true
		})
	}
}
