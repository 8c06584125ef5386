package supervisor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// spec says what a run is to be. The error says why it can never be started.
func (b *brain) spec(id task.RunID) (shim.Spec, error) {
	p := b.processes[id.Process]
	args, err := sandbox.Command(*p)
	if err != nil {
		return shim.Spec{}, err
	}
	spec, err := b.standing(p, id)
	spec.Args = args
	return spec, err
}

// standing is all of a run's spec but its command: whose it is, where, in which
// environment, under which limits.
func (b *brain) standing(p *task.Process, id task.RunID) (shim.Spec, error) {
	u, err := b.user(p)
	if err != nil {
		return shim.Spec{}, fmt.Errorf("run %s: %w", p.Name, err)
	}
	path, lang, tz := b.surroundings()
	stopped := ""
	if p.Final {
		stopped = b.machine.StopReason(task.RunID{})
	}
	spec := shim.Spec{
		Env: sandbox.Environ(sandbox.Setting{
			TaskID:  b.launch.ID,
			Run:     id,
			Sandbox: b.Dir.Sandbox(),
			User:    u.Name,
			Path:    path,
			Lang:    lang,
			TZ:      tz,
			Base:    b.launch.BaseEnv,
			Env:     withWatchdog(p),
			Profile: sandbox.HasProfile(b.Dir),
			Stopped: stopped,
		}),
		Cwd:        b.Dir.Sandbox(),
		UID:        u.UID,
		GID:        u.GID,
		Groups:     u.Groups,
		User:       u.Name,
		Umask:      int(b.launch.Task.UmaskOf(*p)),
		NoNewPrivs: b.launch.Task.NoNewPrivs,
		LogDir:     id.LogDir(),
		Dest:       string(p.Logger.Destination),
		Mode:       string(p.Logger.Mode),
		LogSize:    int64(p.Logger.Rotate.LogSize),
		Backups:    p.Logger.Rotate.Backups,
		Notify:     true,
	}
	b.attributes(&spec, p)
	return spec, nil
}

// withWatchdog is a process' own environment; one that is asked how long ago it
// said WATCHDOG=1 learns how often it has to, as systemd tells it.
func withWatchdog(p *task.Process) map[string]string {
	const name = "WATCHDOG_USEC"
	for _, c := range p.Checks {
		if _, own := p.Env[name]; c.Notify != nil && !own {
			env := maps.Clone(p.Env)
			if env == nil {
				env = make(map[string]string)
			}
			env[name] = strconv.FormatInt(time.Duration(c.Notify.MaxAge).Microseconds(), 10)
			return env
		}
	}
	return p.Env
}

// attributes are limits and priorities: nothing is inherited.
func (b *brain) attributes(spec *shim.Spec, p *task.Process) {
	t := &b.launch.Task
	limits, defaults := b.limitsOf(p)
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		l := limits[name]
		spec.Rlimits = append(spec.Rlimits, task.RlimitNumber(name), int(l.Soft), int(l.Hard))
	}
	for _, name := range defaults {
		spec.Capped = append(spec.Capped, task.RlimitNumber(name))
	}
	spec.Nice, spec.NiceAsked = t.NiceOf(*p), p.Nice != nil || t.Nice != nil
	spec.OOMAdj, spec.OOMAdjAsked = t.OOMScoreAdjOf(*p), p.OOMScoreAdj != nil || t.OOMScoreAdj != nil
}

// limitsOf are the limits of setrlimit(2) of a process, and those of them that
// nobody asked for.
func (b *brain) limitsOf(p *task.Process) (limits map[string]task.Rlimit, defaults []string) {
	t := &b.launch.Task
	limits = t.RlimitsOf(*p)
	for name := range limits {
		_, own := p.Rlimits[name]
		_, whole := t.Rlimits[name]
		if !own && !whole {
			defaults = append(defaults, name)
		}
	}
	slices.Sort(defaults)
	return limits, defaults
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
