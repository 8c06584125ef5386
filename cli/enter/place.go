package enter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// Place is where a run of a process lives, and all that a command needs to live
// there too.
type Place struct {
	Run    task.RunID
	RunDir string
	Walled bool // dewar-container is to enter it

	Main  int    // pid of the run's main process
	Start uint64 // its start time

	Env        []string
	Cwd        string
	UID        int
	GID        int
	Groups     []int
	User       string
	Umask      int
	NoNewPrivs bool
	Joins      []string // cgroup.procs files
	Nice       int
	OOMScore   int
	Rlimits    []Rlimit
}

// NotRunning says that a process has no run that lives.
type NotRunning struct{ error }

// Find is the place of a process of a task. An empty name is the only process
// that runs.
func Find(v *observer.View, process string) (Place, error) {
	run, err := choose(v, process)
	if err != nil {
		return Place{}, err
	}
	id := task.RunID{Process: process, Run: run.Run}
	if process == "" {
		id.Process = only(v)
	}
	p := Place{Run: id, RunDir: v.Dir.Run(id), Walled: v.Launch != nil && v.Launch.Task.Isolation.Walled()}
	status, err := client.ReadStatus(v.Dir, id)
	if errors.Is(err, fs.ErrNotExist) {
		return Place{}, NotRunning{fmt.Errorf("run %d of %s is just being started", id.Run, task.Quote(id.Process))}
	}
	if err != nil {
		return Place{}, fmt.Errorf("enter %s: %w", id, err)
	}
	if status.State == shim.Forked {
		return Place{}, NotRunning{fmt.Errorf("run %d of %s is just being started", id.Run, task.Quote(id.Process))}
	}
	if status.State != shim.Running || !shim.Alive(status.Pid, status.Start) {
		return Place{}, NotRunning{fmt.Errorf("run %d of %s has just ended", id.Run, task.Quote(id.Process))}
	}
	p.Main, p.Start = status.Pid, status.Start
	if p.Walled {
		return p, p.fromWalls()
	}
	if err := p.fromSpec(v); err != nil {
		return Place{}, fmt.Errorf("enter %s: %w", id, err)
	}
	if err := p.fromProcess(); err != nil {
		return Place{}, fmt.Errorf("enter %s: %w", id, err)
	}
	return p, nil
}

// running are the processes of a task of which a run lives, or is being started:
// the shim knows sooner than the journal that it runs.
func running(v *observer.View) (names []string) {
	for i := range v.State.Processes {
		p := &v.State.Processes[i]
		if last := p.Last(); last != nil && last.Live() {
			names = append(names, p.Name)
		}
	}
	return names
}

func only(v *observer.View) string { return strings.Join(running(v), "") }

func choose(v *observer.View, process string) (*machine.Run, error) {
	names := running(v)
	switch {
	case process == "" && len(names) == 0:
		return nil, NotRunning{fmt.Errorf("no process of task %s runs", v.ID)}
	case process == "" && len(names) > 1:
		var quoted []string
		for _, n := range names {
			quoted = append(quoted, task.Quote(n))
		}
		return nil, fmt.Errorf("%d processes of task %s run, say in whose place: %s", len(names), v.ID, strings.Join(quoted, ", "))
	case process == "":
		process = names[0]
	}
	for i := range v.State.Processes {
		p := &v.State.Processes[i]
		if p.Name != process {
			continue
		}
		if last := p.Last(); last != nil && last.Live() {
			return last, nil
		}
		return nil, NotRunning{fmt.Errorf("process %s of task %s does not run: it is %s", task.Quote(process), v.ID, p.State)}
	}
	return nil, fmt.Errorf("task %s has no process %s", v.ID, task.Quote(process))
}

// fromWalls takes whose a terminal is to be; all else dewar-container knows. An
// ordinary user cannot enter, which is said later.
func (p *Place) fromWalls() error {
	if os.Geteuid() != 0 {
		return nil
	}
	if _, building, err := container.Unstarted(p.RunDir); err == nil && building {
		return NotRunning{fmt.Errorf("run %d of %s is just being started", p.Run.Run, task.Quote(p.Run.Process))}
	}
	w, err := container.Read(p.RunDir)
	if err != nil {
		return fmt.Errorf("enter %s: %w", p.Run, err)
	}
	p.UID = w.UID
	return nil
}

// fromSpec takes what the run was started with.
func (p *Place) fromSpec(v *observer.View) error {
	spec, err := client.ReadSpec(v.Dir, p.Run)
	if err != nil {
		return err
	}
	p.Cwd, p.UID, p.GID, p.Groups, p.User = spec.Cwd, spec.UID, spec.GID, spec.Groups, spec.User
	p.Umask, p.NoNewPrivs = spec.Umask, spec.NoNewPrivs
	for _, e := range spec.Env {
		if !strings.HasPrefix(e, "NOTIFY_SOCKET=") { // who enters is not who is to be ready
			p.Env = append(p.Env, e)
		}
	}
	if os.Geteuid() != 0 && p.UID != os.Geteuid() {
		return fmt.Errorf("its processes run as %s, and only root can become somebody else", p.User)
	}
	if g := v.Groups; g != nil && g.Used() {
		unified, v1 := cgroup.Open(g.Place).Process(p.Run.Process).Entry()
		p.Joins = v1
		if unified != "" {
			p.Joins = append([]string{filepath.Join(unified, "cgroup.procs")}, v1...)
		}
	}
	return nil
}

// fromProcess takes what is only to be seen on the main process itself.
func (p *Place) fromProcess() error {
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.Main)) // prlimit(2) takes a capability for others' processes
	if err != nil {
		return fmt.Errorf("ask for the limits of process %d: %w", p.Main, err)
	}
	p.Rlimits = parseLimits(string(limits))
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, p.Main)
	if err != nil {
		return fmt.Errorf("ask for the priority of process %d: %w", p.Main, err)
	}
	p.Nice = 20 - nice // as the system call has it
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.Main))
	if err == nil {
		p.OOMScore, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return fmt.Errorf("ask for the OOM score of process %d: %w", p.Main, err)
	}
	return nil
}
