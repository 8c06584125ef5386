package shim

import (
	"errors"
	"strconv"
	"syscall"
)

// execute says R and becomes the command. What comes back is why it could not
// be executed. syscall.Exec, not the bare call: it keeps the runtime from
// starting a thread meanwhile, which would fail, print and exit with 2 — an
// invented exit status.
func (st *step) execute() error {
	s := &st.spec
	if _, err := writeFd(st.hs, []byte{'R', 0}); err != nil {
		return errors.New("tell the shim: " + err.Error())
	}
	name := s.Args[0]
	for i := 0; i < len(name); i++ {
		if name[i] == '/' {
			return cannotExecute(name, name, syscall.Exec(name, s.Args, s.Env))
		}
	}
	denied := ""
	for rest := searchPath(s.Env); rest != ""; {
		var dir string
		dir, rest = cutColon(rest)
		if dir == "" {
			dir = "."
		}
		path := dir + "/" + name
		switch err := syscall.Exec(path, s.Args, s.Env); err {
		case syscall.ENOENT, syscall.ENOTDIR:
			if existsZ(append([]byte(path), 0)) {
				return cannotExecute(name, path, err)
			}
		case syscall.EACCES:
			denied = path
		default:
			return cannotExecute(name, path, err)
		}
	}
	if denied != "" {
		return cannotExecute(name, denied, syscall.EACCES)
	}
	return cannotExecute(name, "", syscall.ENOENT)
}

// cannotExecute is the sentence about a failed execve of the file at path.
func cannotExecute(name, path string, err error) error {
	verb := "execute " + strconv.Quote(name)
	switch {
	case err == syscall.ENOENT && path != "" && existsZ(append([]byte(path), 0)):
		return errors.New(verb + ": the interpreter or loader that " + strconv.Quote(path) + " names is missing: " + err.Error())
	case path != "" && path != name:
		verb += " as " + strconv.Quote(path)
	}
	return errors.New(verb + ": " + err.Error())
}

// searchPath is the PATH of an environment.
func searchPath(env []string) string {
	for _, e := range env {
		if v, ok := cutString(e, "PATH="); ok {
			return v
		}
	}
	return ""
}

func cutColon(s string) (first, rest string) {
	for i := 0; i < len(s); i++ {
		if s[i] == ':' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
