package sandbox

import (
	"maps"
	"slices"
	"strconv"

	"github.com/dewarhq/dewar/task"
)

// DefaultPath is a process' PATH unless the executor is told otherwise.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Profile is the file in the sandbox that bash reads before a process' cmdline.
const Profile = ".thermos_profile"

// Setting is all that decides what one run sees in its environment.
type Setting struct {
	TaskID  string
	Run     task.RunID
	Sandbox string            // absolute path
	User    string            // user name
	Path    string            // empty: DefaultPath
	Lang    string            // the executor's; empty: not set
	TZ      string            // the executor's; empty: not set
	Base    map[string]string // the caller's environment, with --preserve-env
	Env     map[string]string // the process' own
	Profile bool              // .thermos_profile is there
	Stopped string            // why the task ends: of runs that come then; else empty
}

// Environ is the environment of a run as NAME=value, sorted by name.
//
// What the process' file says wins over what we say, and that over the caller's
// environment; but the caller, who asked for it, keeps its PATH, LANG and TZ.
// The names by which we find a run's stray processes again are always ours.
// NOTIFY_SOCKET is the shim's to add; the caller's own is not passed on, nor are
// what a service manager told him of its watchdog, and his PWD.
func Environ(s Setting) []string {
	env := make(map[string]string, len(s.Base)+len(s.Env)+12)
	setUnlessEmpty(env, "LANG", s.Lang)
	setUnlessEmpty(env, "TZ", s.TZ)
	env["PATH"] = s.Path
	if s.Path == "" {
		env["PATH"] = DefaultPath
	}
	maps.Copy(env, s.Base)
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "PWD"} {
		delete(env, name)
	}

	env["HOME"] = s.Sandbox
	env["TMPDIR"] = s.Sandbox + "/" + tmpName
	env["USER"] = s.User
	env["LOGNAME"] = s.User
	if s.Profile {
		env["BASH_ENV"] = s.Sandbox + "/" + Profile
	}
	maps.Copy(env, s.Env)

	env["DEWAR_TASK_ID"] = s.TaskID
	env["DEWAR_PROCESS"] = s.Run.Process
	env["DEWAR_RUN"] = strconv.Itoa(s.Run.Run)
	setUnlessEmpty(env, StopReasonEnv, s.Stopped)
	return lines(env)
}

func setUnlessEmpty(env map[string]string, name, value string) {
	if value != "" {
		env[name] = value
	}
}

func lines(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}
