package shim

import (
	"syscall"
	"unsafe"
)

// openLogDir opens the directory of a run's logs, below our working directory,
// one component at a time and through no link, because below the sandbox every
// name may have been planted by its user. Missing directories are made, and
// given to that user; nobody outside of its group may read them, since a task may
// have several users.
func openLogDir(path string, uid, gid int) (int, error) {
	at := atFdcwd
	name := make([]byte, 0, 256)
	for rest := path; rest != ""; {
		var part string
		part, rest = cutSlash(rest)
		name = append(append(name[:0], part...), 0)
		fd, err := enter(at, name, uid, gid)
		if at >= 0 {
			closeFd(at)
		}
		if err != nil {
			return -1, &PathError{"enter " + part + " of the log directory", path, err}
		}
		at = fd
	}
	return at, nil
}

// enter opens one directory, making it if need be.
func enter(at int, name []byte, uid, gid int) (int, error) {
	const flags = oPath | syscall.O_DIRECTORY | syscall.O_NOFOLLOW
	fd, err := openatZ(at, name, flags, 0)
	if err != syscall.ENOENT {
		return fd, err
	}
	err = mkdiratZ(at, name, 0o750)
	made := err == nil
	if !made && err != syscall.EEXIST {
		return -1, err
	}
	fd, err = openatZ(at, name, flags, 0)
	if err == nil && made {
		err = giveDir(fd, uid, gid)
	}
	if err != nil {
		closeFd(fd)
		return -1, err
	}
	return fd, nil
}

// giveDir makes a new directory the user's, unless it is not ours: then another
// one has taken its place.
func giveDir(fd, uid, gid int) error {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return err
	}
	if int(st.Uid) != syscall.Geteuid() {
		return syscall.EEXIST
	}
	return give(fd, uid, gid)
}

// give makes what we have just made the user's.
func give(fd, uid, gid int) error {
	if uid == syscall.Geteuid() && gid == syscall.Getegid() {
		return nil
	}
	const emptyPath = 0x1000
	none := [1]byte{}
	_, _, e := syscall.RawSyscall6(syscall.SYS_FCHOWNAT, uintptr(fd), uintptr(unsafe.Pointer(&none)), uintptr(uid), uintptr(gid), emptyPath, 0)
	return failure(e)
}

// newLog makes a log file. Whatever was there under its name is removed, not
// opened: it may be a link, a FIFO, or a second name of another file.
func newLog(dir int, path, name string, uid, gid int) (int, error) {
	z := append([]byte(name), 0)
	for try := 0; ; try++ {
		fd, err := openatZ(dir, z, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_APPEND|syscall.O_NOFOLLOW, 0o640)
		if err == nil {
			if err = give(fd, uid, gid); err == nil {
				return fd, nil
			}
			closeFd(fd)
		}
		if err != syscall.EEXIST || try == 2 {
			return -1, &PathError{"make the log", path + "/" + name, err}
		}
		if err := unlinkatZ(dir, z, 0); err != nil && err != syscall.ENOENT {
			return -1, &PathError{"remove what stands in the place of the log", path + "/" + name, err}
		}
	}
}

func cutSlash(s string) (first, rest string) {
	for i := 0; i < len(s); i++ {
		if s[i] == '/' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
