package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/needs"
)

const nobody = 65534

// An ordinary user who was given a group of v2 has all of this package there.
func TestDelegatedToAnOrdinaryUser(t *testing.T) {
	needs.Root(t)
	root, ok := host(t).Own[""]
	if !ok {
		t.Skip(needs.Prefix + "a unified hierarchy")
	}
	have, err := words2(root + "/cgroup.controllers")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range wanted {
		if slices.Contains(have, word) {
			if err := enable(root, word); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := path.Join(root, "dewar-delegated-"+strconv.Itoa(os.Getpid()))
	if err := makeDir(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if busy, err := removeOnce(dir); busy != nil || err != nil {
			t.Error(busy, err)
		}
	})
	for _, name := range []string{".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		if err := os.Chown(path.Join(dir, name), nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := runIn(t, dir, "delegated"); err != nil {
		t.Fatal(err)
	}
}

// runIn runs a payload as the user whose group dir is.
func runIn(t *testing.T, dir, what string) error {
	t.Helper()
	// The test binary lies where the user may not go.
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, self)
	at, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, at)
	cmd := exec.Command("/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = []string{payloadEnv + "=" + what}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, UseCgroupFD: true, CgroupFD: int(at.Fd()),
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	return err
}

// delegated is that user. He has nothing but his group.
func delegated() error {
	h, err := Look()
	if err != nil {
		return err
	}
	fmt.Printf("%+v\n", h)
	own := h.Own[""]
	if h.Mode != V2 || !strings.Contains(own, "dewar-delegated-") {
		return fmt.Errorf("mode %s in %q: %s", h.Mode, own, h.Why)
	}
	place, err := h.Place("x")
	if err != nil {
		return err
	}
	tr := Open(place)
	if h.Controllers["memory"].Usable {
		if err := crowded(h, tr); err != nil {
			return err
		}
	}
	if err := tr.Make(os.Getpid()); err != nil {
		return err
	}
	again, err := Look() // from within ctl/
	if err != nil || again.Own[""] != own {
		return fmt.Errorf("from ctl/ our own group is %q: %w", again.Own[""], err)
	}
	return live(h, tr)
}

// crowded: a stranger in our own group is named, and keeps us from it.
func crowded(h Host, tr *Tree) error {
	stranger := command0("quiet")
	if err := stranger.Start(); err != nil {
		return err
	}
	pid := stranger.Process.Pid
	found, err := h.Strangers(os.Getpid())
	if err != nil || !slices.Equal(found, []int{pid}) {
		return fmt.Errorf("strangers: %v, %w", found, err)
	}
	var c *Crowded
	if err := tr.Make(os.Getpid()); !errors.As(err, &c) || !slices.Equal(c.Pids, found) {
		return fmt.Errorf("where %d is: %w", pid, err)
	}
	fmt.Println(c)
	if err := stranger.Process.Kill(); err != nil {
		return err
	}
	return unlessKilled(stranger.Wait())
}

func unlessKilled(err error) error {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil
	}
	return err
}

// live is a process' life.
func live(h Host, tr *Tree) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	g := tr.Process("web")
	if err := g.Make(); err != nil {
		return err
	}
	if h.Controllers["memory"].Usable {
		if not, err := g.Limit(Limits{CPU: 0.5, CPUHard: 1, RAM: 64 << 20, Pids: 20}); err != nil || len(not) > 0 {
			return fmt.Errorf("%v: %w", not, err)
		}
	}
	dir, _ := g.Entry()
	at, err := os.Open(dir)
	if err != nil {
		return err
	}
	cmd := command0("quiet")
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(at.Fd())
	if err := errors.Join(cmd.Start(), at.Close()); err != nil {
		return err
	}
	u, err := g.Usage()
	fmt.Printf("%+v\n", u)
	if err != nil || u.CPU < 0 {
		return fmt.Errorf("usage: %w", err)
	}
	if err := errors.Join(tr.Task().Freeze(ctx), tr.Task().Thaw(), tr.Task().Kill(ctx), unlessKilled(cmd.Wait())); err != nil {
		return err
	}
	// Nobody but us is left, and we cannot go back: controllers are handed down.
	var alive *Alive
	if err := tr.Remove(ctx); !errors.As(err, &alive) || len(alive.Procs) != 1 || alive.Procs[0].Pid != os.Getpid() {
		return fmt.Errorf("remove: %w", err)
	}
	if tr.Task().Exists() || tr.Checks().Exists() {
		return errors.New("task/ or checks/ is left")
	}
	return nil
}
