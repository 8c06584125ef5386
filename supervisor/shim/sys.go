package shim

import (
	"syscall"
	"unsafe"
)

// The kernel's calls as the shim uses them: on NUL-terminated bytes, so that
// the resident loop makes no garbage, and repeated when a signal came between.
// Numbers are those of the kernel's headers; package syscall lacks them.

const (
	atFdcwd           = -100
	atRemovedir       = 0x200
	atSymlinkNofollow = 0x100
	oPath             = 0x200000

	renameNoreplace = 1
	renameExchange  = 2

	fallocKeepSize = 1

	prSetPdeathsig      = 1
	prSetChildSubreaper = 36
	prSetNoNewPrivs     = 38

	sysPidfdOpen  = 434 // since kernel 5.3
	sysCloseRange = 436 // since kernel 5.9

	sigSetmask   = 2
	rlimitNofile = 7

	pAll = 0
	pPid = 1

	wExited = 4
	wNohang = 1
	wNowait = 0x01000000
)

// call makes a system call that takes no pointer, and repeats it until no
// signal interrupts it. Here and below it is the raw one: the runtime, told of a
// call that lasts 20 µs, would wake another thread to take over, and there is
// nothing to take over. Pointers are converted in the call's own expression, as
// package unsafe demands: a stack may move at any other place.
func call(trap, a, b, c uintptr) (int, error) {
	for {
		r, _, e := syscall.RawSyscall(trap, a, b, c)
		if e != syscall.EINTR {
			return result(r, e)
		}
	}
}

// result makes a system call's return values Go's.
func result(r uintptr, e syscall.Errno) (int, error) {
	if e != 0 {
		return -1, e
	}
	return int(r), nil
}

// openatZ opens the NUL-terminated path below the directory, close-on-exec.
func openatZ(dir int, path []byte, flags int, mode uint32) (int, error) {
	for {
		r, _, e := syscall.RawSyscall6(syscall.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])),
			uintptr(flags|syscall.O_CLOEXEC), uintptr(mode), 0, 0)
		if e != syscall.EINTR {
			return result(r, e)
		}
	}
}

func mkdiratZ(dir int, path []byte, mode uint32) error {
	_, _, e := syscall.RawSyscall(syscall.SYS_MKDIRAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])), uintptr(mode))
	return failure(e)
}

// unlinkatZ removes a file, or with atRemovedir an empty directory.
func unlinkatZ(dir int, path []byte, flags int) error {
	_, _, e := syscall.RawSyscall(syscall.SYS_UNLINKAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])), uintptr(flags))
	return failure(e)
}

func renameatZ(dir int, from, to []byte, flags int) error {
	_, _, e := syscall.RawSyscall6(sysRenameat2, uintptr(dir), uintptr(unsafe.Pointer(&from[0])),
		uintptr(dir), uintptr(unsafe.Pointer(&to[0])), uintptr(flags), 0)
	return failure(e)
}

// failure is an Errno as an error: nil for 0.
func failure(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

// existsZ reports whether there is something at the path.
func existsZ(path []byte) bool {
	var st syscall.Stat_t
	_, _, e := syscall.RawSyscall6(sysNewfstatat, atFdcwdArg, uintptr(unsafe.Pointer(&path[0])),
		uintptr(unsafe.Pointer(&st)), atSymlinkNofollow, 0, 0)
	return e == 0
}

// atFdcwdArg is AT_FDCWD as a system call's argument.
const atFdcwdArg = ^uintptr(-atFdcwd - 1)

func fallocate(fd, mode int, size int64) error {
	for {
		_, _, e := syscall.RawSyscall6(syscall.SYS_FALLOCATE, uintptr(fd), uintptr(mode), 0, uintptr(size), 0, 0)
		if e != syscall.EINTR {
			return failure(e)
		}
	}
}

func prctl(option, arg uintptr) error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, option, arg, 0, 0, 0, 0)
	return failure(e)
}

// setName is what ps shows us as.
func setName(name string) error {
	const prSetName = 15
	z := append([]byte(name), 0)
	_, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, prSetName, uintptr(unsafe.Pointer(&z[0])), 0)
	return failure(e)
}

func setRlimit(l *syscall.Rlimit) error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, rlimitNofile, uintptr(unsafe.Pointer(l)), 0, 0, 0)
	return failure(e)
}

func setNonblock(fd int) error {
	flags, err := call(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	if err != nil {
		return err
	}
	_, err = call(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFL, uintptr(flags|syscall.O_NONBLOCK))
	return err
}

// readFd is read(2): what is there now, 0 at the end.
func readFd(fd int, buf []byte) (int, error) {
	if len(buf) == 0 {
		return 0, nil
	}
	return transfer(syscall.SYS_READ, fd, buf)
}

// writeFd is write(2): it may write less.
func writeFd(fd int, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return transfer(syscall.SYS_WRITE, fd, b)
}

// transfer is a call of a descriptor, bytes and their number.
func transfer(trap uintptr, fd int, b []byte) (int, error) {
	for {
		r, _, e := syscall.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if e != syscall.EINTR {
			return result(r, e)
		}
	}
}

// sendNow is send(2) that neither waits nor raises SIGPIPE.
func sendNow(fd int, b []byte) (int, error) {
	for {
		r, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		if e != syscall.EINTR {
			return result(r, e)
		}
	}
}

// receiveNow is recv(2) that does not wait.
func receiveNow(fd int, b []byte) (int, error) {
	for {
		r, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			syscall.MSG_DONTWAIT, 0, 0)
		if e != syscall.EINTR {
			return result(r, e)
		}
	}
}

// readFileZ reads at most len(buf) bytes of the file at a NUL-terminated path.
func readFileZ(path, buf []byte) (int, error) {
	fd, err := openatZ(atFdcwd, path, syscall.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	n, err := readFull(fd, buf)
	closeFd(fd)
	return n, err
}

// readFull reads until buf is full or the file ends.
func readFull(fd int, buf []byte) (int, error) {
	total := 0
	for total < len(buf) {
		n, err := readFd(fd, buf[total:])
		if err != nil {
			return total, err
		}
		if n == 0 {
			break
		}
		total += n
	}
	return total, nil
}

// writeFull writes all of b or says why not.
func writeFull(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := writeFd(fd, b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// closeFd closes a descriptor of our own. Linux frees the number whatever
// close says, and what it says concerns only files whose writes we check.
func closeFd(fd int) {
	if fd >= 0 {
		syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
	}
}
