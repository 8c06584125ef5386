package shim_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
)

// TestMemory: what the resident shim weighs with sleeping runs. It states what
// it saw; what it asserts is twice what is promised, because kernels differ.
func TestMemory(t *testing.T) {
	r := start(t, withBinary(t))
	have := 0
	for _, c := range []struct{ runs, own, pss int }{{1, 800, 2200}, {10, 800, 2200}, {50, 1200, 2200}} {
		for ; have < c.runs; have++ {
			id := r.spawn("p"+strconv.Itoa(have), "", argv("/bin/sleep", "1000"))
			r.hear(shim.BellStarted, id)
		}
		if err := exec.Command("/bin/sleep", "0.5").Run(); err != nil { // let it come to rest
			t.Fatal(err)
		}
		own, pss := memory(t, r.cmd.Process.Pid)
		t.Logf("%d runs: own %d kB (to reach %d), PSS %d kB (to reach %d)", c.runs, own, c.own, pss, c.pss)
		if own > 2*c.own || pss > 2*c.pss {
			t.Errorf("%d runs: own %d kB, PSS %d kB", c.runs, own, pss)
		}
	}
}

// memory reads private anonymous and proportional memory, in kB.
func memory(t *testing.T, pid int) (own, pss int) {
	t.Helper()
	own, pss = memoryOf(pid)
	if pss == 0 {
		t.Fatal("no memory is told")
	}
	return own, pss
}

func memoryOf(pid int) (own, pss int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		switch f[0] {
		case "Anonymous:":
			own = n
		case "Pss:":
			pss = n
		}
	}
	return own, pss
}

// TestMemoryAfterMany: runs that come and go leave nothing behind.
func TestMemoryAfterMany(t *testing.T) {
	r := start(t, withBinary(t))
	for i := range 600 {
		id := run("p", i)
		if err := r.try(id, "", argv("/bin/true")); err != nil {
			t.Fatal(err)
		}
		r.hear(shim.BellEnded, id)
		if err := r.conn.Seen(id); err != nil {
			t.Fatal(err)
		}
		r.bells = nil
	}
	if err := exec.Command("/bin/sleep", "0.5").Run(); err != nil {
		t.Fatal(err)
	}
	own, pss := memory(t, r.cmd.Process.Pid)
	t.Logf("after 600 runs: own %d kB, PSS %d kB", own, pss)
	if own > 1200 {
		t.Errorf("own memory is %d kB after 600 runs", own)
	}
}

// TestIdle: with 50 sleeping runs no thread of the shim wakes.
func TestIdle(t *testing.T) {
	r := start(t, withBinary(t))
	for i := range 50 {
		r.hear(shim.BellStarted, r.spawn("p"+strconv.Itoa(i), "", argv("/bin/sleep", "1000")))
	}
	pid := r.cmd.Process.Pid
	var before string
	until(t, "the shim has come to rest", func() bool {
		was := before
		before = switches(t, pid)
		// One look, half a second, another look.
		cmd := exec.Command("/bin/sleep", "0.5")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		return was == before
	})
	if err := exec.Command("/bin/sleep", "2").Run(); err != nil {
		t.Fatal(err)
	}
	if after := switches(t, pid); after != before {
		t.Errorf("context switches while nothing happened:\n%s\nthen\n%s", before, after)
	}
}

// switches is the context-switch counters of every thread.
func switches(t *testing.T, pid int) string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, task := range tasks {
		b, err := os.ReadFile(dir + "/" + task.Name() + "/status")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n") {
			if strings.Contains(line, "ctxt_switches") {
				fmt.Fprintf(&all, "%s %s\n", task.Name(), line)
			}
		}
	}
	return all.String()
}

// TestSize bounds the binary, and with it what every task pays.
func TestSize(t *testing.T) {
	st, err := os.Stat(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", st.Size())
	if st.Size() > 1_800_000 {
		t.Errorf("dewar-shim has %d bytes, and should have at most 1,800,000: what was imported?", st.Size())
	}
}
