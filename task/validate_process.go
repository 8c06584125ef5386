package task

import (
	"maps"
	"slices"
)

func (v *validation) process(i int) {
	p, at := &v.Processes[i], Path{"processes", i}
	if err := CheckName(p.Name); err != nil {
		v.addErr(at.With("name"), err, "the process name %s", Quote(p.Name))
	} else if first := v.index[p.Name]; first != i {
		v.add(at.With("name"), "process %s is there twice (as number %d and %d): names must differ", Quote(p.Name), first+1, i+1)
	}
	v.command(p, at)
	v.environment(p, at)
	v.count(at.With("max_failures"), p.MaxFailures, "0 means that it is tried until it succeeds")
	v.span(at.With("min_duration"), p.MinDuration)
	v.positiveSpan(at.With("ready_timeout"), p.ReadyTimeout)
	v.span(at.With("stop_timeout"), p.StopTimeout)
	if p.StopSignal.Number() == 0 {
		v.add(at.With("stop_signal"), "there is no signal %s%s", Quote(string(p.StopSignal)), didYouMean(string(p.StopSignal), signalNames()))
	}
	choice(v, at.With("stop_to"), p.StopTo, StopTos)
	v.backoff(p, at.With("backoff"))
	v.logger(p.Logger, at.With("logger"))
	v.attributes(at, &p.Attributes)
	v.checks(p.asked(at))
	if p.Final && len(p.Checks) > 0 {
		v.add(at.With("checks"), "process %s is final, and nothing is asked while the task ends: take its checks away", Quote(p.Name))
	}
	v.preStop(p, at.With("pre_stop"))
	if p.Resources != nil {
		v.resources(at.With("resources"), p.Resources)
		v.inside(at.With("resources"), *p.Resources)
	}
}

func (v *validation) command(p *Process, at Path) {
	switch {
	case p.Cmdline != "" && len(p.Argv) > 0:
		v.add(at.With("argv"), "process %s has both cmdline and argv: keep cmdline to run it by bash, argv to run it without a shell", Quote(p.Name))
	case p.Cmdline == "" && len(p.Argv) == 0:
		v.add(at, "process %s has no command: give cmdline (run by bash) or argv (run without a shell)", Quote(p.Name))
	case p.Cmdline == "" && p.Argv[0] == "":
		v.add(at.With("argv", 0), "process %s has an empty first argument: it names the program", Quote(p.Name))
	}
	v.addErr(at.With("cmdline"), checkArgument(p.Cmdline), "cmdline of process %s", Quote(p.Name))
	for j, arg := range p.Argv {
		v.addErr(at.With("argv", j), checkArgument(arg), "argv[%d] of process %s", j, Quote(p.Name))
	}
}

func (v *validation) environment(p *Process, at Path) {
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		path := at.With("env", name)
		if err := CheckEnvName(name); err != nil {
			v.addErr(path, err, "the environment variable %s", Quote(name))
			continue
		}
		v.addErr(path, checkArgument(name+"="+p.Env[name]), "the environment variable %s", Quote(name))
	}
}

func (v *validation) backoff(p *Process, at Path) {
	b := p.Backoff
	if b == nil {
		return
	}
	if b.Max <= 0 {
		v.add(at.With("max"), "backoff.max is %s: it must be positive", b.Max)
		return
	}
	v.positiveSpan(at.With("reset"), b.Reset)
	switch {
	case p.MinDuration == 0:
		v.add(at, "backoff doubles min_duration, and twice 0 is 0: give min_duration a value, such as 1s")
	case b.Max < p.MinDuration:
		v.add(at.With("max"), "backoff.max is %s, less than min_duration, %s, from which the floor grows: raise it", b.Max, p.MinDuration)
	}
}

func (v *validation) logger(l Logger, at Path) {
	choice(v, at.With("destination"), l.Destination, Destinations)
	choice(v, at.With("mode"), l.Mode, LogModes)
	if l.Rotate.LogSize <= 0 {
		v.add(at.With("rotate", "log_size"), "log_size is %s: it must be positive", l.Rotate.LogSize)
	}
	if l.Rotate.Backups <= 0 {
		v.add(at.With("rotate", "backups"), "backups is %d: it must be positive", l.Rotate.Backups)
	}
}

func choice[T ~string](v *validation, path Path, value T, of []T) {
	if err := CheckChoice(value, of); err != nil {
		v.add(path, "%s %s", last(path), err)
	}
}
