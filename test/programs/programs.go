// Package programs gives a test Dewar's own programs, as a user would have
// them: static, stripped, side by side in one directory.
//
// Where DEWAR_BIN names a directory they are taken from there (the lanes build
// them once, and an ordinary user's lane could not build them quickly);
// otherwise they are built once for each test process.
package programs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	once sync.Once
	dir  string
	err  error
}

// Dir is the directory of dewar, dewar-shim and dewar-executor.
func Dir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("DEWAR_BIN"); dir != "" {
		return dir
	}
	built.once.Do(func() { built.dir, built.err = build() })
	if built.err != nil {
		tb.Fatal(built.err)
	}
	return built.dir
}

// WithCrashPoints is a directory like Dir's whose dewar-executor ends itself
// at the crash point that DEWAR_CRASH_AT names.
func WithCrashPoints(tb testing.TB) string {
	return filepath.Join(Dir(tb), "crashpoints")
}

// Path is the path of one program.
func Path(tb testing.TB, name string) string {
	tb.Helper()
	return filepath.Join(Dir(tb), name)
}

// Main runs a package's tests, deletes what was built for them, and returns
// the exit status.
func Main(m *testing.M) int {
	status := m.Run()
	if built.dir == "" {
		return status
	}
	if err := os.RemoveAll(built.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

func build() (string, error) {
	dir, err := os.MkdirTemp("", "dewar-programs-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the programs: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("open the directory of the programs to other users: %w", err)
	}
	return dir, Build(dir)
}

// Build puts the programs into dir, and those with crash points into its
// subdirectory crashpoints.
func Build(dir string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	cmd := exec.Command("make", "--no-print-directory", "-C", root, "programs", "BIN="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// moduleRoot is the directory of go.mod, looked for from the test's directory
// upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module's root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find the module's root: no go.mod above the test's directory")
		}
		dir = parent
	}
}
