package shim

import (
	"errors"
	"strconv"
)

// Spec is what is to be started: the file spec of a run, written by the brain
// before it asks, read by the shim and by the exec step.
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
	Dest    string // file, console, both or none
	Mode    string // standard or rotate
	LogSize int64  // bytes of one file, in mode rotate
	Backups int    // files beside the one that is written, in mode rotate

	Notify bool // give the run a $NOTIFY_SOCKET
}

// Piped reports whether the shim carries the run's logs; otherwise the
// processes write the files themselves.
func (s *Spec) Piped() bool { return s.Dest != "file" || s.Mode != "standard" }

// Append appends the file's contents.
func (s *Spec) Append(b []byte) []byte {
	b = AppendInt(b, "version", Version)
	b = AppendInt(b, "uid", int64(s.UID))
	b = AppendInt(b, "gid", int64(s.GID))
	b = AppendField(b, "logdir", s.LogDir)
	b = AppendField(b, "dest", s.Dest)
	b = AppendField(b, "mode", s.Mode)
	b = AppendInt(b, "log_size", s.LogSize)
	b = AppendInt(b, "backups", int64(s.Backups))
	b = AppendInt(b, "notify", bit(s.Notify))
	b = AppendField(b, "cwd", s.Cwd) // the shim reads up to here, the exec step all
	b = AppendField(b, "user", s.User)
	b = AppendInt(b, "umask", int64(s.Umask))
	b = AppendInt(b, "nnp", bit(s.NoNewPrivs))
	b = appendInts(b, "groups", s.Groups)
	for _, a := range s.Args {
		b = AppendField(b, "arg", a)
	}
	for _, e := range s.Env {
		b = AppendField(b, "env", e)
	}
	return AppendInt(b, "end", 1)
}

// DecodeSpec reads a file's contents. The error says what is wrong with it.
func DecodeSpec(b []byte) (Spec, error) {
	var s Spec
	var e ends
	err := EachField(b, func(key, value []byte) error {
		if done, err := e.see(key, value); done || err != nil {
			return err
		}
		return s.set(key, value)
	})
	if err == nil {
		err = e.check()
	}
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		return Spec{}, err
	}
	return s, nil
}

// set stores one field; unknown ones are skipped.
func (s *Spec) set(key, value []byte) error {
	var err error
	switch string(key) {
	case "arg":
		s.Args = append(s.Args, string(value))
	case "env":
		s.Env = append(s.Env, string(value))
	case "cwd":
		s.Cwd = string(value)
	case "groups":
		s.Groups, err = ints(key, value)
	case "user":
		s.User = string(value)
	case "logdir":
		s.LogDir = string(value)
	case "dest":
		s.Dest = string(value)
	case "mode":
		s.Mode = string(value)
	case "uid", "gid", "umask", "nnp", "log_size", "backups", "notify":
		err = s.setNumber(key, value)
	}
	return err
}

func (s *Spec) setNumber(key, value []byte) error {
	n, err := number(key, value)
	if err != nil {
		return err
	}
	switch string(key) {
	case "uid":
		s.UID = int(n)
	case "gid":
		s.GID = int(n)
	case "umask":
		s.Umask = int(n)
	case "nnp":
		s.NoNewPrivs = n != 0
	case "log_size":
		s.LogSize = n
	case "backups":
		s.Backups = int(n)
	case "notify":
		s.Notify = n != 0
	}
	return nil
}

// Check reports the first thing that makes the spec unusable.
func (s *Spec) Check() error {
	const largest = 1<<32 - 2 // the id after it means "leave it as it is"
	switch {
	case len(s.Args) == 0 || s.Args[0] == "":
		return errors.New("it names no command")
	case len(s.Cwd) == 0 || s.Cwd[0] != '/':
		return errors.New("its cwd is not an absolute path: " + strconv.Quote(s.Cwd))
	case s.UID < 0 || s.UID > largest || s.GID < 0 || s.GID > largest:
		return errors.New("its uid or gid is not a usable id")
	case s.Umask < 0 || s.Umask > 0o777:
		return errors.New("its umask is not between 0 and 0777")
	case s.Dest != "file" && s.Dest != "console" && s.Dest != "both" && s.Dest != "none":
		return errors.New("its dest is none of file, console, both and none: " + strconv.Quote(s.Dest))
	case s.Mode != "standard" && s.Mode != "rotate":
		return errors.New("its mode is neither standard nor rotate: " + strconv.Quote(s.Mode))
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

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// appendInts appends a field of numbers with spaces between them.
func appendInts(b []byte, key string, list []int) []byte {
	b = append(b, key...)
	b = append(b, '=')
	for i, n := range list {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, 0)
}

// ints reads what appendInts wrote.
func ints(key, value []byte) ([]int, error) {
	var list []int
	start := 0
	for i := 0; i <= len(value); i++ {
		if i < len(value) && value[i] != ' ' {
			continue
		}
		if i > start {
			n, err := number(key, value[start:i])
			if err != nil {
				return nil, err
			}
			list = append(list, int(n))
		}
		start = i + 1
	}
	return list, nil
}
