package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/dewarhq/dewar/supervisor/evidence"
	"github.com/dewarhq/dewar/task"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// The test binary is its own brain, and its own payloads: the shim starts it
// with this variable in its environment.
const asBrain = "DEWAR_TEST_BRAIN"

// programs is the directory of dewar-shim.
var programs string

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == evidence.Word {
		os.Exit(evidence.Main(os.Args[2]))
	}
	if os.Getenv(asBrain) != "" && len(os.Args) == 2 {
		os.Exit(beBrain(task.Dir(os.Args[1])))
	}
	if len(os.Args) > 1 && os.Args[1] == "payload" {
		os.Exit(bePayload(os.Args[2:]))
	}
	os.Exit(withPrograms(m))
}

func withPrograms(m *testing.M) int {
	programs = os.Getenv("DEWAR_BIN")
	if programs == "" {
		dir, err := os.MkdirTemp("", "dewar-supervisor-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		build := exec.Command("go", "build", "-o", dir+"/", "../cmd/dewar-shim", "../cmd/dewar-executor")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
			return 1
		}
		programs = dir
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

func shimBinary() string { return filepath.Join(programs, "dewar-shim") }
func executor() string   { return filepath.Join(programs, "dewar-executor") }

// beBrain is dewar-executor with crash points, which the environment sets:
// CRASH_AT the number of the point at which to die, CRASHED a file that is made
// then, and that prevents a second death; CRASH_BEFORE the name of the point,
// without its "before"; POINTS a file that gets a byte for
// each point; PANIC a file that makes each brain panic while it is there;
// COMPACT after how many records the journal is compacted.
func beBrain(dir task.Dir) int {
	signal.Ignore(unix.SIGXFSZ) // a limit on its files' size is to look like a full disk
	at, err := strconv.Atoi(os.Getenv("CRASH_AT"))
	if err != nil {
		at = 0
	}
	passed := 0
	c := Config{
		Dir: dir, ShimBinary: os.Getenv("SHIM"), BrainBinary: os.Args[0], ContainerBinary: os.Getenv("CONTAINER"), Version: "test", Log: os.Stderr,
		Crash: func(point string) {
			passed++
			if f := os.Getenv("POINTS"); f != "" {
				appendTo(f, ".")
			}
			if f := os.Getenv("PANIC"); f != "" {
				if _, err := os.Lstat(f); err == nil {
					panic("a brain that always panics")
				}
			}
			if before := os.Getenv("CRASH_BEFORE"); passed == at || before != "" && point == "before "+before {
				if f, err := os.OpenFile(os.Getenv("CRASHED"), os.O_CREATE|os.O_EXCL, 0o600); err == nil {
					fmt.Fprintln(os.Stderr, "test: dies", point)
					f.Close()
					unix.Kill(os.Getpid(), unix.SIGKILL)
					select {}
				}
			}
		},
	}
	if after, err := strconv.Atoi(os.Getenv("COMPACT")); err == nil {
		c.CompactAfter = after
	}
	if os.Getenv("CRASH_AT")+os.Getenv("CRASH_BEFORE")+os.Getenv("POINTS")+os.Getenv("PANIC") == "" {
		c.Crash = nil
	}
	if err := Run(context.Background(), c); err != nil {
		fmt.Fprintln(os.Stderr, "test brain:", err)
		return 111
	}
	return 0
}

func appendTo(path, text string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
}
