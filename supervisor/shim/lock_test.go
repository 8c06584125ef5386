package shim_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/test/needs"
)

// TestLock needs a second process: record locks do not keep out their owner.
func TestLock(t *testing.T) {
	r := start(t)
	path := r.dir.ShimLock()
	var held *shim.HeldError
	if _, err := shim.Lock(path); !errors.As(err, &held) || held.Pid != r.cmd.Process.Pid || !strings.Contains(err.Error(), path) {
		t.Errorf("lock: %v", err)
	}
	// Asking takes nothing.
	for range 3 {
		if pid, err := shim.Holder(path); pid != r.cmd.Process.Pid || err != nil {
			t.Errorf("holder %d, %v", pid, err)
		}
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.cmd.Wait()
	if pid, err := shim.Holder(path); pid != 0 || err != nil {
		t.Errorf("holder of a free lock %d, %v", pid, err)
	}
	l, err := shim.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestHolderOfNothing(t *testing.T) {
	if pid, err := shim.Holder(filepath.Join(t.TempDir(), "none")); pid != 0 || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
}

// TestLockNeverFollows a link, nor waits for a FIFO's other end.
func TestLockNeverFollows(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := shim.Lock(link); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("lock: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "target")); !os.IsNotExist(err) {
		t.Error("the target was made")
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	if pid, err := shim.Holder(fifo); pid != 0 {
		t.Errorf("holder of a fifo: %d, %v", pid, err)
	}
}

// TestImports: what everybody pays once a task, and why it is not to grow.
func TestImports(t *testing.T) {
	forbidden := map[string]string{
		"fmt":                   "0.5 MB of program, and reflection",
		"net":                   "a resolver and a poller of its own; our sockets are four system calls",
		"encoding/json":         "reflection; the formats are key=value so that this is not needed",
		"encoding/binary":       "reflection",
		"reflect":               "keeps every exported method of the program alive",
		"os":                    "0.2 MB of program and memory; raises and restores limits behind our back",
		"os/exec":               "goroutines and pipes that the one loop has to do without",
		"os/signal":             "two threads and 0.35 MB; see signal.go",
		"os/user":               "looks up users, which is the brain's business",
		"time":                  "timers in the runtime, time zones; we have one deadline and two clocks",
		"context":               "there is nothing to cancel in a single loop",
		"runtime/debug":         "imports fmt",
		"log":                   "imports fmt",
		"golang.org/x/sys/unix": "drags in reflect: 0.12 MB of program and 0.19 MB of memory, for numbers that a test holds against it",
	}
	out, err := exec.Command(needs.Go(t), "list", "-buildvcs=false", "-deps", "github.com/dewarhq/dewar/cmd/dewar-shim").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		if why, bad := forbidden[p]; bad {
			t.Errorf("dewar-shim imports %s: %s", p, why)
		}
		first, _, _ := strings.Cut(p, "/")
		if strings.Contains(first, ".") && p != "github.com/dewarhq/dewar/cmd/dewar-shim" && p != "github.com/dewarhq/dewar/supervisor/shim" {
			t.Errorf("dewar-shim imports %s: it is to import nothing but the standard library's small parts", p)
		}
	}
}
