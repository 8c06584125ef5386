package supervisor

import (
	"fmt"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

const umask = 0o022

// spec says what a run is to be. The error says why it can never be started.
func (b *brain) spec(id task.RunID) (shim.Spec, error) {
	p := b.processes[id.Process]
	u, err := b.user(p)
	if err != nil {
		return shim.Spec{}, fmt.Errorf("run %s: %w", p.Name, err)
	}
	args, err := sandbox.Command(*p)
	if err != nil {
		return shim.Spec{}, err
	}
	path, lang, tz := b.surroundings()
	return shim.Spec{
		Args: args,
		Env: sandbox.Environ(sandbox.Setting{
			TaskID:  b.launch.ID,
			Run:     id,
			Sandbox: b.Dir.Sandbox(),
			User:    u.Name,
			Path:    path,
			Lang:    lang,
			TZ:      tz,
			Base:    b.launch.BaseEnv,
			Env:     p.Env,
			Profile: sandbox.HasProfile(b.Dir),
		}),
		Cwd:        b.Dir.Sandbox(),
		UID:        u.UID,
		GID:        u.GID,
		Groups:     u.Groups,
		User:       u.Name,
		Umask:      umask,
		NoNewPrivs: b.launch.Task.NoNewPrivs,
		LogDir:     id.LogDir(),
		Dest:       string(p.Logger.Destination),
		Mode:       string(p.Logger.Mode),
		LogSize:    int64(p.Logger.Rotate.LogSize),
		Backups:    p.Logger.Rotate.Backups,
		Notify:     true,
	}, nil
}

// surroundings are what the task was launched with, whoever has woken it since.
// A launch of an older version does not say; our own serve then.
func (b *brain) surroundings() (path, lang, tz string) {
	if b.launch.Path == "" {
		return b.Path, b.Lang, b.TZ
	}
	return b.launch.Path, b.launch.Lang, b.launch.TZ
}

// user is whom a process runs as. Who was found once is not looked up again.
func (b *brain) user(p *task.Process) (sandbox.User, error) {
	name := p.User
	if name == "" {
		name = b.launch.User
	}
	if u, ok := b.users[name]; ok {
		return u, nil
	}
	u, err := sandbox.LookUp(name)
	if err == nil {
		b.users[name] = u
	}
	return u, err
}
