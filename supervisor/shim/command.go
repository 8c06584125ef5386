package shim

import (
	"errors"
	"strconv"
	"syscall"
	"unsafe"
)

// mostNames bounds how many places a command is looked for in.
const mostNames = 1000

// pathMax is the kernel's: no path of so many bytes is looked up.
const pathMax = 4096

// command adds what becomes the command: a name with a slash is executed as it
// is, another is looked for in the PATH of its environment, by the child, who
// has its ids by then. That a file is there of which execve says that it is not
// is about the interpreter that it names.
func (st *step) command() error {
	name := st.spec.Args[0]
	for i := 0; i < len(name); i++ {
		if name[i] == '/' {
			st.execute(address(name))
			return nil
		}
	}
	names := 0
	for rest := st.path; rest != ""; names++ {
		var dir string
		dir, rest = cutColon(rest)
		if dir == "" {
			dir = "."
		}
		path := st.room.join(dir, "/", name)
		if path == nil || names == mostNames {
			return errors.New("execute " + strconv.Quote(name) + ": " + errRoom.Error())
		}
		st.execute(address(view(path)))
		if len(path) > pathMax { // the kernel says so, and that is the end of it
			break
		}
	}
	return nil
}

// execute adds the execve of one path.
func (st *step) execute(path uintptr) {
	st.add(opExec, whatCommand, syscall.SYS_EXECVE, path, uintptr(unsafe.Pointer(unsafe.SliceData(st.argv))), uintptr(unsafe.Pointer(unsafe.SliceData(st.envp))))
	st.add(opAbsent, whatCommand, sysNewfstatat, atFdcwdArg, path, uintptr(unsafe.Pointer(&st.stat)), atSymlinkNofollow)
}

// path is which argument of an op of whatCommand is the path.
func (o *op) path() int {
	if o.mode == opAbsent {
		return 1
	}
	return 0
}

// cannotExecute is the sentence about a failed execve of the file at path,
// which is there or is not.
func cannotExecute(name, path string, err error, there bool) string {
	verb := "execute " + strconv.Quote(name)
	switch {
	case err == syscall.ENOENT && there:
		return verb + ": the interpreter or loader that " + strconv.Quote(path) + " names is missing: " + err.Error()
	case path != "" && path != name:
		verb += " as " + strconv.Quote(path)
	}
	return verb + ": " + err.Error()
}

func cutColon(s string) (first, rest string) {
	for i := 0; i < len(s); i++ {
		if s[i] == ':' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
