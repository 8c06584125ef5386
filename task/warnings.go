package task

import (
	"path"
	"strings"
)

// Warnings are what is allowed but most likely not meant.
func (t *Task) Warnings() Problems {
	var found Problems
	warn := func(path Path, sentence string) { found = append(found, Problem{path, sentence}) }
	ordinary, lasting := 0, 0
	for i := range t.Processes {
		p, at := &t.Processes[i], Path{"processes", i}
		if !p.Final {
			ordinary++
			if !p.Ephemeral {
				lasting++
			}
		}
		if program := p.climbs(); program != "" && t.NoNewPrivs {
			warn(at, "process "+Quote(p.Name)+" uses "+program+", which has no power here: set no_new_privs: false for the task, or user for the process")
		}
		if p.Final && p.Daemon {
			warn(at.With("daemon"), "process "+Quote(p.Name)+" is final and a daemon: it runs until finalization_wait is spent, every time")
		}
		if p.Leave && t.Isolation.Walled() {
			warn(at.With("leave"), "leave has no effect in a task with isolation: what a run leaves behind its walls ends with it")
		}
		if p.Logger.Mode != LogRotate && p.Logger.Rotate != DefaultLogger().Rotate {
			warn(at.With("logger", "rotate"), "rotate has no effect unless the logger's mode is rotate")
		}
	}
	t.checkWarnings(warn)
	if i := t.Isolation; i.Walled() && i.PID == Host && (i.RootFS != "" || len(i.Hidden) > 0) {
		warn(Path{"isolation"}, "with pid: host a process can look, by /proc, into what its user runs outside, past rootfs and hidden: set pid: private")
	}
	if t.Limits().GPU > 0 {
		warn(Path{"resources", "gpu"}, "gpu is for schedulers: nothing here keeps a task off a GPU")
	}
	if ordinary > 0 && lasting == 0 {
		warn(Path{"processes"}, "every process is ephemeral: the task is over before any of them has done its work")
	}
	return found
}

// climbs is the program by which the process hopes to become another user.
func (p *Process) climbs() string {
	words := p.Argv
	if p.Cmdline != "" {
		words = strings.FieldsFunc(p.Cmdline, func(r rune) bool { return strings.ContainsRune(" \t\n;|&()`\"'", r) })
	} else if len(words) > 1 {
		words = words[:1]
	}
	for _, w := range words {
		if base := path.Base(w); base == "sudo" || base == "su" {
			return base
		}
	}
	return ""
}
