package shim_test

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/test/needs"
)

// TestBuryWhatIsAnotherUsers: a process of a recorded session has become root.
// All the others die, and the error names it for as long as it lives.
func TestBuryWhatIsAnotherUsers(t *testing.T) {
	needs.Root(t)
	const user = 65533
	r := &rig{t: t, dir: newDir(t)}
	live := func(uid uint32, env ...string) *exec.Cmd {
		t.Helper()
		cmd := exec.Command("/bin/sleep", "1000")
		cmd.Env = env
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill() // it has died already if all is well
			cmd.Wait()
		})
		return cmd
	}
	roots := live(0)
	// A later pid, so that it is killed after the other one has been found.
	ours := live(user, "DEWAR_TASK_ID=the-task", "HOME="+r.dir.Sandbox())
	boot, err := shim.BootID()
	if err != nil {
		t.Fatal(err)
	}
	st, err := shim.ReadStat(roots.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	runs := []shim.Status{{State: shim.Running, Pid: st.Pid, Start: st.Start, Boot: boot}}
	bury := func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		r.asUser(user, func() { err = client.Bury(ctx, r.dir, "the-task", runs) })
		return err
	}
	if err := bury(); err == nil || !strings.Contains(err.Error(), "kill process "+itoa(st.Pid)+" (sleep)") {
		t.Errorf("it says: %v", err)
	}
	if alive(ours.Process.Pid) {
		t.Error("the process that may be killed lives")
	}
	if !alive(st.Pid) {
		t.Fatal("the process that may not be killed is dead")
	}
	if err := roots.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	roots.Wait()
	if err := bury(); err != nil {
		t.Error(err)
	}
}
