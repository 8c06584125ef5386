package scope

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/test/needs"
)

const enterEnv = "DEWAR_TEST_ENTER"

// The test binary is what enters: a test that did so itself would leave its
// own group for good.
func TestMain(m *testing.M) {
	if name := os.Getenv(enterEnv); name != "" {
		if err := entered(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// entered enters a scope and makes a task's groups there.
func entered(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := Enter(ctx, name, "a test of Dewar"); err != nil {
		return err
	}
	if err := Enter(ctx, name, "a test of Dewar"); err == nil {
		return errors.New("a name that is taken was given away again")
	}
	h, err := cgroup.Look()
	if err != nil {
		return err
	}
	fmt.Printf("%+v\n", h)
	others, err := h.Strangers(os.Getpid())
	if err != nil || len(others) > 0 {
		return fmt.Errorf("strangers in the scope: %v, %w", others, err)
	}
	place, err := h.Place(name)
	if err != nil {
		return err
	}
	tree := cgroup.Open(place)
	if err := tree.Make(os.Getpid()); err != nil {
		return err
	}
	g := tree.Process("web")
	if err := g.Make(); err != nil {
		return err
	}
	if _, err := g.Limit(cgroup.Limits{RAM: 64 << 20, Pids: 20}); err != nil {
		return err
	}
	return nil
}

func TestSystemdEnter(t *testing.T) {
	if _, err := os.Lstat("/run/systemd/system"); err != nil {
		t.Skip(needs.Prefix + "systemd")
	}
	name := "dewar-test-" + strconv.Itoa(os.Getpid())
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), enterEnv+"="+name)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), name+".scope") {
		t.Error("it did not enter its scope")
	}
}

func TestWithoutSystemd(t *testing.T) {
	if _, err := os.Lstat("/run/systemd/system"); err == nil {
		t.Skip(needs.Prefix + "a machine without systemd")
	}
	if err := Enter(t.Context(), "x", "y"); !errors.Is(err, ErrNoSystemd) {
		t.Error(err)
	}
}
