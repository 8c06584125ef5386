package needs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Prefix begins the reason of every skip that this package makes.
const Prefix = "needs: "

// The reasons that depend on who runs the tests, and on nothing else: no
// installed program makes them go away, only another lane.
const (
	ReasonRoot = Prefix + "root"
	ReasonUser = Prefix + "an ordinary user"
)

// ReasonKernel begins the reasons that depend on the kernel and on how it was
// set up: where the machine's own will not do, a guest of test/vm makes them go
// away.
const ReasonKernel = Prefix + "a kernel with "

// ReasonGuest begins the reason of a test that boots a guest itself.
const ReasonGuest = Prefix + "a guest"

// Root skips t unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ReasonRoot)
	}
}

// User skips t if it runs as root.
func User(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip(ReasonUser)
	}
}

// sbin is where Debian puts programs that an ordinary user's PATH lacks.
var sbin = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// Program answers the path of the first of names that is installed, looked for
// in PATH and the sbin directories. If there is none, t is skipped, or fails
// under DEWAR_TEST_STRICT=1.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path := find(name); path != "" {
			return path
		}
	}
	missing(t, names[0])
	return ""
}

// Go answers the path of the go command, of which t can build and list this
// module. Only root's lane has one: another user cannot read root's module
// cache, and under a guest's emulation the compiler takes too long.
func Go(t testing.TB) string {
	t.Helper()
	if lane := os.Getenv("DEWAR_LANE"); lane != "" && lane != "root" {
		t.Skip(Prefix + "a go command with a module cache of its own")
	}
	return Program(t, "go")
}

// Guest skips t where test/vm cannot boot a guest: it takes root, qemu, and not
// being in a guest already.
func Guest(t testing.TB) {
	t.Helper()
	Root(t)
	if lane := os.Getenv("DEWAR_LANE"); lane != "" && lane != "root" {
		t.Skip(Prefix + "not to be in a guest already")
	}
	if find("qemu-system-x86_64") != "" {
		return
	}
	if Strict() {
		missing(t, "qemu-system-x86_64")
	}
	t.Skip(ReasonGuest + ": qemu-system-x86_64 is not installed")
}

// Strict says whether a missing program is a failure.
func Strict() bool { return os.Getenv("DEWAR_TEST_STRICT") == "1" }

func missing(t testing.TB, what string) {
	t.Helper()
	if Strict() {
		t.Fatalf("%s%s, which is not installed (DEWAR_TEST_STRICT=1)", Prefix, what)
	}
	t.Skip(Prefix + what)
}

func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range sbin {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}
