// Package programs gives tests of whole programs the binaries to run: every
// cmd/* of this module, built as `make` builds them.
//
// A test package that wants them says
//
//	func TestMain(m *testing.M) { programs.Main(m) }
//
// and calls Dir. With DEWAR_TEST_BIN set (test/lanes sets it) they are taken
// from there; otherwise they are built once for the test process, and removed
// at its end.
package programs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var dir string

// Main builds the programs, runs the tests of m and exits.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if given := os.Getenv("DEWAR_TEST_BIN"); given != "" {
		dir = given
		return m.Run()
	}
	made, err := os.MkdirTemp("", "dewar-bin-")
	if err != nil {
		fmt.Fprintf(os.Stderr, "make a directory for the programs: %v\n", err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(made); err != nil {
			fmt.Fprintf(os.Stderr, "remove the programs: %v\n", err)
		}
	}()
	if err := Build(made); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir = made
	return m.Run()
}

// Build puts every cmd/* of the module into dir.
func Build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // other users run them too
		return fmt.Errorf("open the programs' directory to all: %w", err)
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/", "github.com/dewarhq/dewar/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// Dir is the directory of the programs. It fails t outside of Main.
func Dir(t testing.TB) string {
	t.Helper()
	if dir == "" {
		t.Fatal("programs.Dir outside of programs.Main: the package's TestMain has to call it")
	}
	return dir
}

// Path is the path of one program, such as "dewar".
func Path(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(Dir(t), name)
}
