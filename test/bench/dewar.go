package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// graph, process and constraint are a task file, as far as the bench needs one.
type (
	graph struct {
		Name           string       `json:"name"`
		Processes      []process    `json:"processes"`
		Constraints    []constraint `json:"constraints,omitempty"`
		MaxConcurrency int          `json:"max_concurrency,omitempty"`
	}
	process struct {
		Name    string   `json:"name"`
		Cmdline string   `json:"cmdline,omitempty"`
		Argv    []string `json:"argv,omitempty"`
	}
	constraint struct {
		Order []string `json:"order"`
	}
)

// running is one task of ours.
type running struct {
	b    *bench
	root string
	file string
}

const taskID = "t"

func (b *bench) newRun(g graph) (*running, error) { return b.newRunIn(b.place, g) }

func (b *bench) newRunIn(place string, g graph) (*running, error) {
	root, err := b.dirIn(place)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	r := &running{b: b, root: root, file: filepath.Join(root, "task.json")}
	r.root = filepath.Join(root, "tasks")
	return r, os.WriteFile(r.file, content, 0o644)
}

func (r *running) dir() task.Dir { return task.Dir(filepath.Join(r.root, taskID)) }

// command runs the task and follows it to its end.
func (r *running) command(flags ...string) *exec.Cmd {
	args := append([]string{"run", "--root", r.root, "--task-id", taskID}, flags...)
	return r.b.dewar(append(args, r.file)...)
}

func (b *bench) dewar(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.bin, "dewar"), args...)
	cmd.Env = append(os.Environ(), b.mark)
	return cmd
}

// sleepers starts a task of n processes that sleep, and waits until all do.
func (b *bench) sleepers(n int) (*running, error) {
	there, err := b.dir()
	if err != nil {
		return nil, err
	}
	g := graph{Name: "sleepers"}
	for i := range n {
		g.Processes = append(g.Processes, process{
			Name:    fmt.Sprintf("p%d", i),
			Cmdline: fmt.Sprintf(": >%s/%d; exec sleep 3600", there, i),
		})
	}
	r, err := b.newRun(g)
	if err != nil {
		return nil, err
	}
	if out, err := r.command("--detach").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("dewar run --detach: %w\n%s", err, out)
	}
	err = await(fmt.Sprintf("%d processes sleep", n), time.Minute, func() bool { return count(there) == n })
	if err != nil {
		return nil, errors.Join(err, r.kill())
	}
	return r, nil
}

// kill ends the task and waits until it is over.
func (r *running) kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	args := []string{"kill", "--root", r.root, "--now", taskID}
	if out, err := r.b.dewar(args...).CombinedOutput(); err != nil {
		return fmt.Errorf("dewar kill: %w\n%s", err, out)
	}
	wait := exec.CommandContext(ctx, filepath.Join(r.b.bin, "dewar"), "wait", "--root", r.root, taskID)
	out, err := wait.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 { // KILLED
		return nil
	}
	return fmt.Errorf("dewar wait: %v, not the exit status of a killed task\n%s", err, out)
}

// pids are those of the task's shim and brain.
func (r *running) pids() (shimPid, brainPid int, err error) {
	if shimPid, err = shim.Holder(r.dir().ShimLock()); err != nil {
		return 0, 0, err
	}
	if brainPid, err = shim.Holder(r.dir().Lock()); err != nil {
		return 0, 0, err
	}
	if shimPid == 0 || brainPid == 0 {
		return 0, 0, fmt.Errorf("the task has shim %d and brain %d; 0 is none", shimPid, brainPid)
	}
	return shimPid, brainPid, nil
}

// await waits for something that gives no sign of its own.
func await(what string, atMost time.Duration, is func() bool) error {
	for deadline := time.Now().Add(atMost); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v it is still not so that %s", atMost, what)
		}
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func count(dir string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return -1
	}
	return len(entries)
}
