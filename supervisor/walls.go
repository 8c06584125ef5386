package supervisor

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// wall makes of the spec of a run that of dewar-container, which becomes what
// the spec said behind the walls of the task's isolation. A task without any
// keeps its spec. The run's directory has to be there.
func (b *brain) wall(spec *shim.Spec, id task.RunID) error {
	iso := b.launch.Task.Isolation
	if !iso.Walled() {
		return nil
	}
	program := b.containerBinary()
	if err := container.Available(program); err != nil {
		return err
	}
	w := container.Walls{
		TaskDir:    string(b.Dir),
		Run:        id.String(),
		Args:       spec.Args,
		Env:        spec.Env,
		Cwd:        spec.Cwd,
		UID:        spec.UID,
		GID:        spec.GID,
		Groups:     spec.Groups,
		Umask:      task.Umask(spec.Umask),
		NoNewPrivs: spec.NoNewPrivs,
		Isolation:  *iso,
	}
	w.Rlimits, w.Defaults = b.limitsOf(b.processes[id.Process])
	if err := container.Write(b.Dir.Run(id), w); err != nil {
		return err
	}
	const builderUmask = 0o022
	spec.Args = container.Command(program, b.Dir.Run(id))
	spec.Env = marks(spec.Env)
	spec.LogUID, spec.LogGID = spec.UID, spec.GID
	spec.UID, spec.GID, spec.Groups, spec.User = 0, 0, nil, "root"
	spec.Umask, spec.NoNewPrivs = builderUmask, false
	spec.Rlimits, spec.Capped = nil, nil
	return nil
}

// containerBinary is the program that builds walls.
func (b *brain) containerBinary() string {
	if b.ContainerBinary != "" {
		return b.ContainerBinary
	}
	return filepath.Join(filepath.Dir(b.BrainBinary), container.Program)
}

// marks are those of an environment by which a run's processes are found again.
func marks(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool { return !strings.HasPrefix(e, "DEWAR_") })
}

// unstarted says why the command of an ended run with walls was never executed,
// if it was not, or why that is not known.
func (b *brain) unstarted(id task.RunID) (why, unknown string) {
	if !b.launch.Task.Isolation.Walled() {
		return "", ""
	}
	sentence, unstarted, err := container.Unstarted(b.Dir.Run(id))
	switch {
	case err != nil:
		return "", "whether it was started is not known: " + err.Error()
	case unstarted && sentence == "":
		return fmt.Sprintf("build the walls of %s: nothing says what went wrong", id), ""
	case unstarted:
		return sentence, ""
	}
	return "", ""
}

// clearWalls removes what the task's walls have outside of its directory.
func (b *brain) clearWalls() {
	if err := container.Clear(string(b.Dir)); err != nil {
		b.log("%v", err)
	}
}
