package shim

import (
	"syscall"
	"unsafe"
)

// The kernel's calls as the shim uses them: on NUL-terminated bytes, so that
// the resident loop makes no garbage, and repeated when a signal came between.

const atFdcwd = -100

// openatZ opens the NUL-terminated path below the directory.
func openatZ(dir int, path []byte, flags int, mode uint32) (int, error) {
	for {
		fd, _, e := syscall.Syscall6(syscall.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])),
			uintptr(flags|syscall.O_CLOEXEC), uintptr(mode), 0, 0)
		if e == 0 {
			return int(fd), nil
		}
		if e != syscall.EINTR {
			return -1, e
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
	syscall.Close(fd)
	return n, err
}

// readFull reads until buf is full or the file ends.
func readFull(fd int, buf []byte) (int, error) {
	total := 0
	for total < len(buf) {
		n, err := syscall.Read(fd, buf[total:])
		if err == syscall.EINTR {
			continue
		}
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
