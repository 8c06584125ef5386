package shim

import (
	"errors"
	"strconv"
)

// Spec is what is to be started: the file spec of a run, written by the brain
// before it asks, read by the shim.
type Spec struct {
	Args       []string // at least one; Args[0] without a slash is looked up in Env's PATH, after the ids have changed
	Env        []string // "NAME=value", all of it: nothing is inherited; NOTIFY_SOCKET is added
	Cwd        string   // absolute
	UID        int
	GID        int
	Groups     []int // supplementary; exactly these
	User       string
	Umask      int
	NoNewPrivs bool

	LogDir  string // of stdout and stderr, relative to the task's directory
	LogUID  int    // whose these are, and the $NOTIFY_SOCKET: a command that changes its ids itself is executed as another; 0: UID
	LogGID  int    // 0: GID
	Dest    string // file, console, both or none
	Mode    string // standard or rotate
	LogSize int64  // bytes of one file, in mode rotate
	Backups int    // files beside the one that is written, in mode rotate

	Notify bool // give the run a $NOTIFY_SOCKET

	Group   string   // directory of the control group (v2) that it is born into; empty: the shim's
	Joins   []string // files cgroup.procs (v1) that it joins before anything of the user's runs
	Rlimits []int    // by threes: resource (RLIMIT_*), soft, hard; -1 is no limit. Empty: nofile as the shim was given it, all else as the shim has it
	Capped  []int    // resources of Rlimits that nobody asked for: cut down to what the shim may have
	Nice    int
	OOMAdj  int // oom_score_adj

	NiceAsked   bool // that Nice or OOMAdj cannot be had keeps the run from starting
	OOMAdjAsked bool

	Counts []int // what the brain wants to remember; the shim does not look at it
}

// Piped reports whether the shim carries the run's logs; otherwise the
// processes write the files themselves.
func (s *Spec) Piped() bool { return s.Dest != "file" || s.Mode != "standard" }

// logOwner is whose the logs are.
func (s *Spec) logOwner() (uid, gid int) {
	uid, gid = s.UID, s.GID
	if s.LogUID != 0 {
		uid = s.LogUID
	}
	if s.LogGID != 0 {
		gid = s.LogGID
	}
	return uid, gid
}

// Append appends the file's contents.
func (s *Spec) Append(b []byte) []byte {
	f := fields{b: AppendInt(b, "version", Version)}
	s.fields(&f)
	b = f.b
	for _, j := range s.Joins {
		b = AppendField(b, "join", j)
	}
	for _, a := range s.Args {
		b = AppendField(b, "arg", a)
	}
	for _, e := range s.Env {
		b = AppendField(b, "env", e)
	}
	return AppendInt(b, "end", 1)
}

// fields is the table of its keys, but for arg and env, which come repeatedly.
func (s *Spec) fields(f *fields) {
	number(f, "uid", &s.UID)
	number(f, "gid", &s.GID)
	f.text("logdir", &s.LogDir)
	number(f, "log_uid", &s.LogUID)
	number(f, "log_gid", &s.LogGID)
	f.text("dest", &s.Dest)
	f.text("mode", &s.Mode)
	number(f, "log_size", &s.LogSize)
	number(f, "backups", &s.Backups)
	f.flag("notify", &s.Notify)
	f.text("cwd", &s.Cwd)
	f.text("user", &s.User)
	number(f, "umask", &s.Umask)
	f.flag("nnp", &s.NoNewPrivs)
	f.list("groups", &s.Groups)
	f.text("group", &s.Group)
	f.list("rlimits", &s.Rlimits)
	f.list("capped", &s.Capped)
	number(f, "nice", &s.Nice)
	number(f, "oom_score_adj", &s.OOMAdj)
	f.flag("nice_asked", &s.NiceAsked)
	f.flag("oom_asked", &s.OOMAdjAsked)
	f.list("counts", &s.Counts)
}

// DecodeSpec reads a file's contents. The error says what is wrong with it.
func DecodeSpec(b []byte) (Spec, error) {
	var s Spec
	b = append([]byte(nil), b...)
	err := s.read(b, func(isEnv bool, value []byte) {
		if isEnv {
			s.Env = append(s.Env, view(value))
		} else {
			s.Args = append(s.Args, view(value))
		}
	})
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		return Spec{}, err
	}
	return s, nil
}

// read reads a file's contents and does not check them. All texts are views of
// b; each argument and entry of the environment is handed to word.
func (s *Spec) read(b []byte, word func(isEnv bool, value []byte)) error {
	var e ends
	f := fields{reading: true, views: true}
	err := EachField(b, func(key, value []byte) error {
		if done, err := e.see(key, value); done || err != nil {
			return err
		}
		switch string(key) {
		case "arg":
			word(false, value)
		case "env":
			word(true, value)
		case "join":
			s.Joins = append(s.Joins, view(value))
		default:
			f.key, f.value = key, value
			s.fields(&f)
		}
		return f.err
	})
	if err == nil {
		err = e.check()
	}
	return err
}

// Check reports the first thing that makes the spec unusable.
func (s *Spec) Check() error {
	const largest = 1<<32 - 2 // the id after it means "leave it as it is"
	switch {
	case len(s.Args) == 0 || s.Args[0] == "":
		return errors.New("it names no command")
	case len(s.Cwd) == 0 || s.Cwd[0] != '/':
		return errors.New("its cwd is not an absolute path: " + strconv.Quote(s.Cwd))
	case s.UID < 0 || s.UID > largest || s.GID < 0 || s.GID > largest,
		s.LogUID < 0 || s.LogUID > largest || s.LogGID < 0 || s.LogGID > largest:
		return errors.New("its uid or gid is not a usable id")
	case s.Umask < 0 || s.Umask > 0o777:
		return errors.New("its umask is not between 0 and 0777")
	case s.Dest != "file" && s.Dest != "console" && s.Dest != "both" && s.Dest != "none":
		return errors.New("its dest is none of file, console, both and none: " + strconv.Quote(s.Dest))
	case s.Mode != "standard" && s.Mode != "rotate":
		return errors.New("its mode is neither standard nor rotate: " + strconv.Quote(s.Mode))
	case len(s.Rlimits)%3 != 0:
		return errors.New("its rlimits are not threes of resource, soft and hard limit")
	case s.Group != "" && s.Group[0] != '/':
		return errors.New("its group is not an absolute path: " + strconv.Quote(s.Group))
	case s.Mode == "rotate" && (s.LogSize <= 0 || s.Backups < 0):
		return errors.New("its mode is rotate, but its log_size is not positive or its backups are negative")
	}
	return CheckRelative("logdir", s.LogDir)
}

// CheckRelative reports why path is not one that leads down from the task's
// directory: it must be relative and have no empty, "." or ".." component.
func CheckRelative(what, path string) error {
	start := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			if path[i] == 0 {
				return errors.New("the " + what + " holds a NUL")
			}
			continue
		}
		if part := path[start:i]; part == "" || part == "." || part == ".." {
			return errors.New("the " + what + " does not lead down from the task's directory: " + strconv.Quote(path))
		}
		start = i + 1
	}
	return nil
}
