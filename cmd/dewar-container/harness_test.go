//go:build linux && cgo

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

const nobody = 65534

// world is a task's directory as the brain makes it, and the machine as it was.
type world struct {
	t    *testing.T
	dir  string
	runs int
	nnp  bool
	lim  map[string]task.Rlimit
}

// newWorld needs root, and checks at the end that nothing is left: no mount, no
// device changed, no shared memory.
func newWorld(t *testing.T) *world {
	t.Helper()
	needs.Root(t)
	dir, err := os.MkdirTemp("", "dewar-walls-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, nnp: true}
	w.must(os.Chmod(dir, 0o711))
	w.must(os.MkdirAll(dir+"/sandbox/.tmp", 0o700))
	w.must(os.Chown(dir+"/sandbox", nobody, nobody))
	w.must(os.Chown(dir+"/sandbox/.tmp", nobody, nobody))
	const devicesOf = "ls -l --time-style=+ /dev/ptmx /dev/fd /dev/null /dev/stdout; ls -d /dev/mqueue /dev/core 2>&1 || true"
	devices := w.shell(devicesOf)
	t.Cleanup(func() {
		w.must(container.Clear(dir))
		if left := w.shell("grep -F " + dir + " /proc/self/mountinfo || true"); left != "" {
			t.Errorf("mounts are left: %s", left)
		}
		if now := w.shell(devicesOf); now != devices {
			t.Errorf("/dev was\n%s\nand is\n%s", devices, now)
		}
		w.must(os.RemoveAll(dir))
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) shell(command string) string {
	w.t.Helper()
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v: %s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// isolation is the default with changes.
func isolation(change func(*task.Isolation)) task.Isolation {
	i := task.DefaultIsolation()
	i.Seccomp = task.SeccompNone
	if change != nil {
		change(&i)
	}
	return i
}

// started is one run behind walls.
type started struct {
	w       *world
	dir     string
	cmd     *exec.Cmd
	outPath string
}

// start starts a command as the shim does: a session, no input, files as output.
func (w *world) start(iso task.Isolation, uid int, command ...string) *started {
	w.t.Helper()
	return w.startIn("", iso, uid, command...)
}

// startIn starts a command in a control group, if one is named.
func (w *world) startIn(group string, iso task.Isolation, uid int, command ...string) *started {
	w.t.Helper()
	w.runs++
	r := &started{w: w, dir: filepath.Join(w.dir, "runs/web", strconv.Itoa(w.runs))}
	w.must(os.MkdirAll(r.dir, 0o711))
	w.must(container.Write(r.dir, container.Walls{
		TaskDir: w.dir, Run: fmt.Sprintf("web/%d", w.runs), Args: command, Cwd: w.dir + "/sandbox",
		Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin:/sbin", "HOME=" + w.dir + "/sandbox", "WHO=the command"},
		UID: uid, GID: uid, Umask: 0o027, NoNewPrivs: w.nnp, Rlimits: w.lim, Isolation: iso,
	}))
	program := programs.Path(w.t, container.Program)
	if err := container.Available(program); err != nil {
		w.t.Skip(needs.Prefix + "gcc and a static C library: " + err.Error())
	}
	argv := container.Command(program, r.dir)
	if group != "" {
		argv = append([]string{"sh", "-c", `echo 0 > "$0/cgroup.procs"; exec "$@"`, group}, argv...)
	}
	r.cmd = exec.Command(argv[0], argv[1:]...)
	r.cmd.Env = []string{"PATH=/usr/bin:/bin", "NOTIFY_SOCKET=" + os.Getenv("NOTIFY_SOCKET"), "DEWAR_RUN=" + strconv.Itoa(w.runs), "HELPER=1"}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	r.outPath = r.dir + "/out"
	out, err := os.OpenFile(r.outPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	w.must(err)
	defer out.Close()
	r.cmd.Stdout, r.cmd.Stderr = out, out
	w.must(r.cmd.Start())
	w.t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

// end waits, and answers the exit status (signals as -number) and the output.
func (r *started) end() (int, string) {
	r.w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = r.cmd.Process.Kill() })
	defer stop()
	_ = r.cmd.Wait() // the state says it
	if ctx.Err() != nil {
		r.w.t.Fatalf("the run did not end; so far: %s", r.output())
	}
	status := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal()), r.output()
	}
	return status.ExitStatus(), r.output()
}

func (r *started) output() string {
	data, err := os.ReadFile(r.outPath)
	r.w.must(err)
	return strings.TrimSpace(string(data))
}

// await waits until the output has a text.
func (r *started) await(text string) {
	r.w.t.Helper()
	for end := time.Now().Add(60 * time.Second); !strings.Contains(r.output(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			sentence, _, _ := container.Unstarted(r.dir)
			r.w.t.Fatalf("no %q in the output: %s (%s)", text, r.output(), sentence)
		}
	}
}

// unstarted answers the sentence of a run that could not be started.
func (r *started) unstarted() string {
	r.w.t.Helper()
	sentence, is, err := container.Unstarted(r.dir)
	if err != nil || is != (sentence != "") {
		r.w.t.Fatalf("Unstarted = %q, %v, %v", sentence, is, err)
	}
	return sentence
}

// sees runs a command behind walls, and compares what it prints.
func (w *world) sees(iso task.Isolation, uid int, script, want string) {
	w.t.Helper()
	r := w.start(iso, uid, "sh", "-c", script)
	code, out := r.end()
	if s := r.unstarted(); s != "" {
		w.t.Fatalf("could not be started: %s", s)
	}
	if code != 0 || out != want {
		w.t.Errorf("%s\nexit %d, output:\n%s\nwant:\n%s", script, code, out, want)
	}
}
